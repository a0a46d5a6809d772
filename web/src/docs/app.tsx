import type { ComponentChildren } from 'preact';

import {
  grouped,
  byTag,
  type Content,
  curlOf,
  type Endpoint,
  fieldsOf,
  type OpenApi,
  type Schema,
  refName,
  typeText,
} from './openapi.js';

/** Shows `code` in backquotes as code, and empty lines as paragraphs. */
function Text({ children = '' }: { children?: string | undefined }) {
  return (
    <>
      {children.split(/\n\n/).map((paragraph, i) => (
        <p key={i}>{paragraph.split('`').map((part, j) => (j % 2 === 1 ? <code key={j}>{part}</code> : part))}</p>
      ))}
    </>
  );
}

/** Shows the type of a schema. Names of components link to them. */
function Type({ schema, names }: { schema: Schema; names: ReadonlySet<string> }) {
  const parts = typeText(schema).split(/(\w+)/);
  return <code>{parts.map((part) => (names.has(part) ? <a href={`#schema-${part}`}>{part}</a> : part))}</code>;
}

interface Row {
  name: string;
  schema: Schema;
  required: boolean;
  description: string | undefined;
  note?: string;
}

function Rows({ rows, names, caption }: { rows: Row[]; names: ReadonlySet<string>; caption: string }) {
  if (rows.length === 0) return null;
  return (
    <div class="scroll">
      <table>
        <caption>{caption}</caption>
        <tbody>
          {rows.map(({ name, schema, required, description, note }) => (
            <tr key={name}>
              <th scope="row">
                <code>{name}</code>
                {required && <span class="required">required</span>}
                {note !== undefined && <span class="note">{note}</span>}
              </th>
              <td>
                <Type schema={schema} names={names} />
                {schema.default !== undefined && (
                  <>
                    , default <code>{JSON.stringify(schema.default)}</code>
                  </>
                )}
                {description !== undefined && <Text>{description}</Text>}
                <Nested schema={schema} names={names} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function rowsOf({ properties = {}, required = [] }: Schema): Row[] {
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    schema,
    required: required.includes(name),
    description: schema.description,
  }));
}

function Nested({ schema, names }: { schema: Schema; names: ReadonlySet<string> }) {
  const fields = fieldsOf(schema);
  if (fields === undefined) return null;
  return (
    <details>
      <summary>Fields</summary>
      <Rows rows={rowsOf(fields)} names={names} caption="" />
    </details>
  );
}

function Bodies({ content, names, title }: { content: Content; names: ReadonlySet<string>; title: string }) {
  return (
    <>
      {Object.entries(content).map(([type, { schema }]) => {
        const fields = refName(schema) === undefined ? fieldsOf(schema) : undefined;
        return (
          <div key={type} class="body">
            <p>
              {title} <code>{type}</code>
              {fields === undefined && (
                <>
                  : <Type schema={schema} names={names} />
                </>
              )}
            </p>
            {fields !== undefined && <Rows rows={rowsOf(fields)} names={names} caption="" />}
          </div>
        );
      })}
    </>
  );
}

function EndpointView({ endpoint, names, base }: { endpoint: Endpoint; names: ReadonlySet<string>; base: string }) {
  const { id, method, path, summary, description, parameters = [], requestBody, responses } = endpoint;
  const rows = parameters.map(({ name, in: place, required = false, description: text, schema }) => {
    return { name, schema, required, description: text ?? schema.description, note: place };
  });
  return (
    <details class="endpoint panel" id={id}>
      <summary>
        <span class={`method ${method.toLowerCase()}`}>{method}</span>
        <code class="path">{path}</code>
        <span class="summary">{summary}</span>
      </summary>
      {description !== undefined && <Text>{description}</Text>}
      <pre tabIndex={0}>
        <code>{curlOf(endpoint, base)}</code>
      </pre>
      <Rows rows={rows} names={names} caption="Parameters" />
      {requestBody !== undefined && (
        <section>
          <h4>Request body</h4>
          <Bodies content={requestBody.content} names={names} title="As" />
        </section>
      )}
      <section>
        <h4>Responses</h4>
        {grouped(responses).map(([statuses, { description: text, content = {} }]) => (
          <div key={statuses} class="response">
            <strong class={statuses.startsWith('2') ? 'ok' : 'failed'}>{statuses}</strong>
            <div>
              {text !== undefined && text !== 'Default Response' && <Text>{text}</Text>}
              <Bodies content={content} names={names} title="" />
            </div>
          </div>
        ))}
      </section>
    </details>
  );
}

export function Docs({ document, base }: { document: OpenApi; base: string }): ComponentChildren {
  const { info, components } = document;
  const names = new Set(Object.keys(components.schemas));
  const groups = byTag(document);
  return (
    <>
      <header class="docs-header">
        <h1>
          {info.title} <small>{info.version}</small>
        </h1>
        <p>
          <a href="./">Page</a>
          <a href="./openapi.json">OpenAPI document</a>
          <a href="./metrics">Metrics</a>
        </p>
      </header>
      <main class="docs">
        {groups.map(([tag, endpoints]) => (
          <section key={tag} aria-label={tag}>
            <h2>{tag}</h2>
            {endpoints.map((endpoint) => (
              <EndpointView key={endpoint.id} endpoint={endpoint} names={names} base={base} />
            ))}
          </section>
        ))}
        <section aria-label="Schemas">
          <h2>Schemas</h2>
          {Object.entries(components.schemas).map(([name, schema]) => (
            <details key={name} class="endpoint panel" id={`schema-${name}`}>
              <summary>
                <code class="path">{name}</code>
              </summary>
              <Rows rows={rowsOf(schema)} names={names} caption="" />
            </details>
          ))}
        </section>
      </main>
    </>
  );
}
