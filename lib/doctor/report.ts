import { homedir } from 'node:os';
import { styleText } from 'node:util';

import type { Finding, Status } from './finding.js';
import { isHealthy } from './findings.js';
import { attempt } from './known.js';

export interface ReportOptions {
  /** Maximum number of characters in a line. */
  width: number;
  color: boolean;
}

/** The part of a finding's id before the dot, and its heading. */
const TOPICS: readonly [string, string][] = [
  ['system', 'System'],
  ['software', 'Software'],
  ['devices', 'Devices'],
  ['models', 'Models'],
  ['recognition', 'Recognition'],
  ['doctor', 'Doctor'],
];

const MARKS: Readonly<Record<Status, string>> = { ok: '✓', info: '·', warning: '!', error: '✗' };
const COLORS = { ok: 'green', info: 'gray', warning: 'yellow', error: 'red' } as const;
/** Width of the column of titles. A longer title gets a line of its own. */
const TITLE_WIDTH = 14;

/** Formats the findings for a terminal. */
export function reportText(findings: readonly Finding[], version: string, { width, color }: ReportOptions): string {
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    color ? styleText(style, text, { validateStream: false }) : text;
  const mark = (status: Status) => paint(COLORS[status], MARKS[status]);
  const lines: string[] = [paint('bold', `emotion2vec ${version}`)];
  for (const [topic, name] of TOPICS) {
    const own = findings.filter(({ id }) => id.startsWith(`${topic}.`));
    if (own.length === 0) continue;
    lines.push('', paint('bold', name));
    for (const { title, status, detail, remedy } of own) {
      const [first = '', ...rest] = wrap(abbreviateHome(detail), width - TITLE_WIDTH - 6);
      const indent = ' '.repeat(TITLE_WIDTH + 6);
      const head = `  ${mark(status)} `;
      if (title.length > TITLE_WIDTH) lines.push(`${head}${title}`, `${indent}${first}`);
      else lines.push(`${head}${title.padEnd(TITLE_WIDTH)}  ${first}`);
      lines.push(...rest.map((line) => `${indent}${line}`));
      if (remedy === undefined) continue;
      const advice = wrap(abbreviateHome(remedy), width - TITLE_WIDTH - 8);
      lines.push(...advice.map((line, i) => `${indent}${i === 0 ? paint(COLORS[status], '→') : ' '} ${line}`));
    }
  }
  const { status, text } = summary(findings);
  const [first = '', ...rest] = wrap(abbreviateHome(text), width - 2);
  lines.push('', `${mark(status)} ${paint('bold', first)}`, ...rest.map((line) => `  ${paint('bold', line)}`));
  return `${lines.join('\n')}\n`;
}

/** Returns what works, and the first thing to do. */
export function summary(findings: readonly Finding[]): { status: Status; text: string } {
  const first = (status: Status) => findings.find((finding) => finding.status === status);
  const working = findings.filter(
    ({ id, status }) => id.startsWith('recognition.') && (status === 'ok' || status === 'warning'),
  );
  const devices = working.filter(({ status }) => status === 'ok').map(({ title }) => title);
  const worst = first('error') ?? first('warning');
  if (!isHealthy(findings)) {
    return {
      status: 'error',
      text: `Recognition does not work here. First thing to do: ${worst?.remedy ?? 'Fix the problems above.'}`,
    };
  }
  const works = `Recognition works here, ${devices.join(' and ') || 'on the CPU'}.`;
  if (worst === undefined) return { status: 'ok', text: works };
  const count = findings.filter(({ status }) => status === 'warning').length;
  return {
    status: 'warning',
    text: `${works} ${count === 1 ? 'One thing could be better' : `${count} things could be better`}. ${nameOf(worst)}: ${worst.remedy ?? worst.detail}`,
  };
}

/** Returns the title as it reads outside its topic. */
function nameOf({ id, title }: Finding): string {
  if (id.startsWith('recognition.')) return `Recognition ${title}`;
  if (id.startsWith('devices.cuda:')) return `Device ${title}`;
  if (id.startsWith('models.') && id !== 'models.chosen') return `Model ${title}`;
  return title;
}

/** Abbreviates the user's home folder to ~. */
function abbreviateHome(text: string): string {
  const home = attempt(homedir) ?? '';
  return home.length > 1 ? text.replaceAll(`${home}/`, '~/') : text;
}

/**
 * Wraps text into lines. A command in backticks stays on one line, so that it can be copied, and so does a number with its unit.
 * A word that is longer than a line, usually a path, is cut after a slash.
 */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of (text.match(/`[^`]+`\S*|\d[\d.]* (?:ms|s|MB|GB)\b\S*|\S+/g) ?? []).flatMap((each) =>
    pieces(each, width),
  )) {
    const extended = line === '' ? word.text : `${line}${word.glued ? '' : ' '}${word.text}`;
    if (extended.length > width && line !== '') {
      lines.push(line);
      line = word.text;
    } else {
      line = extended;
    }
  }
  return line === '' ? lines : [...lines, line];
}

/** Splits a word that does not fit into a line. `glued` pieces follow the one before without a space. */
function pieces(word: string, width: number): { text: string; glued: boolean }[] {
  const found: { text: string; glued: boolean }[] = [];
  let rest = word;
  while (rest.length > width) {
    const slash = rest.lastIndexOf('/', width - 1) + 1;
    const end = slash > 0 ? slash : width;
    found.push({ text: rest.slice(0, end), glued: found.length > 0 });
    rest = rest.slice(end);
  }
  return [...found, { text: rest, glued: found.length > 0 }];
}
