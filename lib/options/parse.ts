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
  switch (issue.code) {
    case 'invalid_type':
      return expected(article(issue.expected), issue.input);
    case 'invalid_value':
      return expected(issue.values.map((value) => `'${String(value)}'`).join(', '), issue.input);
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? `expected at least ${issue.minimum} ${issue.origin === 'string' ? 'characters' : 'elements'}`
        : expected(`a number ${issue.inclusive === false ? 'above' : 'of at least'} ${issue.minimum}`, issue.input);
    case 'too_big':
      return expected(`a number of at most ${issue.maximum}`, issue.input);
    case 'unrecognized_keys': {
      const keys = issue.keys.slice(0, 10).map((key) => `'${shown(key, 60)}'`);
      const more = issue.keys.length > keys.length ? ` and ${issue.keys.length - keys.length} more` : '';
      return `there is no option ${keys.join(', ')}${more}`;
    }
    case 'invalid_union':
      return expected(unionText(issue), issue.input);
    default:
      return shown(issue.message, 400);
  }
}

/** Describes an invalid value as sharp does: what was expected, and what was received. */
function expected(what: string, received: unknown): string {
  return `expected ${what}, received ${receivedText(received)}`;
}

function receivedText(value: unknown): string {
  if (typeof value === 'string') return `'${shown(value)}'`;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return kindOf(value);
}

function article(type: string): string {
  const known: Record<string, string> = { int: 'an integer', array: 'an array', object: 'an object' };
  return known[type] ?? `a ${type}`;
}

function unionText({ errors }: Extract<z.core.$ZodIssue, { code: 'invalid_union' }>): string {
  const texts = errors.flat().map((issue) => describeIssue(issue).replace(/^expected /, ''));
  return [...new Set(texts.map((text) => text.replace(/, received .*$/, '')))].join(' or ');
}
