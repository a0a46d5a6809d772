/** The parts of an OpenAPI 3.1 document that the page shows. */
export interface Schema {
  $ref?: string;
  type?: string;
  format?: string;
  description?: string;
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  minLength?: number;
  maxLength?: number;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
}

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  description?: string;
  schema: Schema;
}

export type Content = Record<string, { schema: Schema }>;

export interface Operation {
  summary: string;
  description?: string;
  tags?: string[];
  parameters?: Parameter[];
  requestBody?: { content: Content };
  responses: Record<string, { description?: string; content?: Content }>;
}

export interface OpenApi {
  info: { title: string; version: string; description?: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

/** An operation with its place in the document. */
export interface Endpoint extends Operation {
  id: string;
  method: string;
  path: string;
}

/** Returns the operations by tag, in the order of the document. */
export function byTag({ paths }: OpenApi): [tag: string, endpoints: Endpoint[]][] {
  const groups = new Map<string, Endpoint[]>();
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] ?? 'other';
      const id = `${method}-${path.replace(/[^\w.]+/g, '-').replace(/^-|-$/g, '')}`;
      groups.set(tag, [...(groups.get(tag) ?? []), { ...operation, id, method: method.toUpperCase(), path }]);
    }
  }
  return [...groups];
}

type Responses = Operation['responses'];

/** Merges responses that do not differ. */
export function grouped(responses: Responses): [statuses: string, response: Responses[string]][] {
  const groups = new Map<string, [statuses: string[], response: Responses[string]]>();
  for (const [status, response] of Object.entries(responses)) {
    const key = JSON.stringify(response);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [[status], response]);
    else group[0].push(status);
  }
  return [...groups.values()].map(([statuses, response]) => [statuses.join(', '), response]);
}

/** Returns the name of the component that a schema refers to. */
export function refName({ $ref }: Schema): string | undefined {
  return $ref?.split('/').at(-1);
}

/** Describes the type of a schema in a few words; names of components are left as they are. */
export function typeText(schema: Schema): string {
  const name = refName(schema);
  if (name !== undefined) return name;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeText).join(' | ');
  if (schema.type === 'array') return `${typeText(schema.items ?? {})}[]`;
  if (schema.type === 'object' && schema.properties === undefined && typeof schema.additionalProperties === 'object') {
    return `{ [name]: ${typeText(schema.additionalProperties)} }`;
  }
  if (schema.format === 'binary') return 'file';
  return [schema.type ?? 'any', rangeText(schema)].filter(Boolean).join(' ');
}

/** Returns the range of a number as text. The range of JavaScript's integers is omitted. */
function rangeText({ minimum, maximum, exclusiveMinimum, format }: Schema): string {
  if (format === 'date-time') return '(date and time)';
  const low = minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum;
  const high = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (low !== undefined && high !== undefined) return `${low} to ${high}`;
  if (low !== undefined) return `≥ ${low}`;
  if (exclusiveMinimum !== undefined) return `> ${exclusiveMinimum}`;
  return high === undefined ? '' : `≤ ${high}`;
}

/** Returns the schema whose fields are shown as a table: an object, or the elements of an array of objects. */
export function fieldsOf(schema: Schema): Schema | undefined {
  if (schema.properties !== undefined) return schema;
  return schema.items === undefined ? undefined : fieldsOf(schema.items);
}

/** Returns a curl command that calls the endpoint. */
export function curlOf({ method, path, requestBody, responses }: Endpoint, base: string): string {
  const url = `${base}${path.replace(/^\//, '')}`;
  const types = Object.keys(requestBody?.content ?? {});
  const parts = ['curl'];
  if (types.includes('multipart/form-data')) parts.push('-F file=@recording.wav');
  else if (types.includes('application/json')) parts.push("-H 'Content-Type: application/json'", '-d @request.json');
  else if (method !== 'GET') parts.push(`-X ${method}`);
  const answer = Object.keys(responses['200']?.content ?? {});
  const isFile = answer.length > 0 && answer.every((type) => !/json|text\/plain/.test(type));
  if (isFile || /\/(csv|zip|ndjson|\{format\})$/.test(path)) parts.push('-O');
  return [...parts, /[{?&]/.test(url) ? `'${url}'` : url].join(' ');
}
