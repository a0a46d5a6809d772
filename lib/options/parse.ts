import { kindOf, shown } from '../shared/text.js';
import type * as z from '../vendor/zod.js';

/** Thrown for invalid options. A TypeError, which Node also throws for invalid arguments, with a code that programs can check. */
export class InvalidOptionsError extends TypeError {
  readonly code = 'ERR_INVALID_OPTIONS';

  /** @param what describes the problem, without a period */
  constructor(what: string, options?: ErrorOptions) {
    super(`Invalid options: ${what}`, options);
    this.name = 'TypeError';
  }
}

/**
 * Checks options and fills in their defaults.
 * @throws InvalidOptionsError whose message names each invalid option on one line
 */
export function parseOptions<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw new InvalidOptionsError(describeIssues(parsed.error));
}

/** Maximum number of problems that one message lists. */
const MAX_ISSUES = 5;

/** Describes the problems of a value, as `path: problem; path: problem`. Long values and long lists are shortened. */
export function describeIssues({ issues }: z.ZodError): string {
  const texts = issues
    .slice(0, MAX_ISSUES)
    .map((issue) => [shown(issue.path.join('.')), describeIssue(issue)].filter(Boolean).join(': '));
  if (issues.length > MAX_ISSUES) texts.push(`and ${issues.length - MAX_ISSUES} more`);
  return texts.join('; ');
}

function describeIssue(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') {
    const keys = issue.keys.slice(0, 10).map((key) => `'${shown(key, 60)}'`);
    const more = issue.keys.length > keys.length ? ` and ${issue.keys.length - keys.length} more` : '';
    return `there is no option ${keys.join(', ')}${more}`;
  }
  const expected = expectedBy(issue);
  // As sharp does: what was expected, and what was received.
  return expected === undefined
    ? shown(issue.message, 400)
    : `expected ${expected}, received ${receivedText(issue.input)}`;
}

/** Returns what an issue expected; undefined for a rule that is better described by its own message. */
function expectedBy(issue: z.core.$ZodIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return withArticle(issue.expected === 'int' ? 'integer' : issue.expected);
    case 'invalid_value':
    case 'invalid_union':
      return oneOf([...new Set(alternatives(issue))]);
    case 'too_small':
      return sized(
        issue.origin,
        `${issue.inclusive === false ? 'above' : 'of at least'} ${issue.minimum}`,
        issue.minimum,
      );
    case 'too_big':
      return sized(
        issue.origin,
        `${issue.inclusive === false ? 'below' : 'of at most'} ${issue.maximum}`,
        issue.maximum,
      );
    case 'custom':
      return typeof issue.params?.['expected'] === 'string' ? issue.params['expected'] : undefined;
    default:
      return undefined;
  }
}

/** Lists the values and types that an issue would have accepted. */
function alternatives(issue: z.core.$ZodIssue): string[] {
  if (issue.code === 'invalid_value') return issue.values.map((value) => `'${String(value)}'`);
  if (issue.code === 'invalid_union') return issue.errors.flat().flatMap(alternatives);
  return [expectedBy(issue) ?? []].flat();
}

function sized(origin: string, range: string, limit: number | bigint): string {
  const elements = { string: 'character', array: 'element' }[origin];
  return elements === undefined
    ? `a number ${range}`
    : `${withArticle(origin)} ${range} ${elements}${limit === 1 ? '' : 's'}`;
}

/** `a`, `a or b`, `a, b or c`. */
function oneOf(options: readonly string[]): string {
  return options.length < 2 ? options.join() : `${options.slice(0, -1).join(', ')} or ${options.at(-1)}`;
}

function withArticle(noun: string): string {
  return `${/^[aeiou]/i.test(noun) ? 'an' : 'a'} ${noun}`;
}

function receivedText(value: unknown): string {
  if (typeof value === 'string') return `'${shown(value)}'`;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return kindOf(value);
}
