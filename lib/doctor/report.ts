import { homedir } from 'node:os';
import { styleText } from 'node:util';

import { type Finding, known, type Status } from './finding.js';
import { isWell } from './findings.js';

export interface ReportOptions {
  /** Characters of a line. */
  width: number;
  colour: boolean;
}

/** What comes before the dot of a finding's id. */
const TOPICS: readonly [string, string][] = [
  ['system', 'System'],
  ['software', 'Software'],
  ['devices', 'Devices'],
  ['models', 'Models'],
  ['recognition', 'Recognition'],
  ['doctor', 'Doctor'],
];

const MARKS: Readonly<Record<Status, string>> = { ok: '✓', info: '·', warning: '!', error: '✗' };
const COLOURS = { ok: 'green', info: 'gray', warning: 'yellow', error: 'red' } as const;
/** Longer titles have a line of their own. */
const TITLE = 14;

/** The findings for a person who reads them in a terminal. */
export function reportText(findings: readonly Finding[], version: string, { width, colour }: ReportOptions): string {
  const paint = (style: Parameters<typeof styleText>[0], text: string) =>
    colour ? styleText(style, text, { validateStream: false }) : text;
  const mark = (status: Status) => paint(COLOURS[status], MARKS[status]);
  const lines: string[] = [paint('bold', `emotion2vec ${version}`)];
  for (const [topic, name] of TOPICS) {
    const own = findings.filter(({ id }) => id.startsWith(`${topic}.`));
    if (own.length === 0) continue;
    lines.push('', paint('bold', name));
    for (const { title, status, detail, remedy } of own) {
      const [first = '', ...rest] = wrap(homely(detail), width - TITLE - 6);
      const indent = ' '.repeat(TITLE + 6);
      const head = `  ${mark(status)} `;
      if (title.length > TITLE) lines.push(`${head}${title}`, `${indent}${first}`);
      else lines.push(`${head}${title.padEnd(TITLE)}  ${first}`);
      lines.push(...rest.map((line) => `${indent}${line}`));
      if (remedy === undefined) continue;
      const advice = wrap(homely(remedy), width - TITLE - 8);
      lines.push(...advice.map((line, i) => `${indent}${i === 0 ? paint(COLOURS[status], '→') : ' '} ${line}`));
    }
  }
  const { status, text } = summary(findings);
  const [first = '', ...rest] = wrap(homely(text), width - 2);
  lines.push('', `${mark(status)} ${paint('bold', first)}`, ...rest.map((line) => `  ${paint('bold', line)}`));
  return `${lines.join('\n')}\n`;
}

/** What works, and the first thing to do. */
export function summary(findings: readonly Finding[]): { status: Status; text: string } {
  const first = (status: Status) => findings.find((finding) => finding.status === status);
  const works = findings.filter(
    ({ id, status }) => id.startsWith('recognition.') && (status === 'ok' || status === 'warning'),
  );
  const devices = works.filter(({ status }) => status === 'ok').map(({ title }) => title);
  const worse = first('error') ?? first('warning');
  if (!isWell(findings)) {
    return {
      status: 'error',
      text: `Recognition does not work here. First thing to do: ${worse?.remedy ?? 'Mend what is told above.'}`,
    };
  }
  const well = `Recognition works here, ${devices.join(' and ') || 'on the CPU'}.`;
  if (worse === undefined) return { status: 'ok', text: well };
  const more = findings.filter(({ status }) => status === 'warning').length;
  return {
    status: 'warning',
    text: `${well} ${more === 1 ? 'One thing could be better' : `${more} things could be better`}. ${nameOf(worse)}: ${worse.remedy ?? worse.detail}`,
  };
}

/** The title as it begins a sentence, away from its topic. */
function nameOf({ id, title }: Finding): string {
  if (id.startsWith('recognition.')) return `Recognition ${title}`;
  if (id.startsWith('devices.cuda:')) return `Device ${title}`;
  if (id.startsWith('models.') && id !== 'models.chosen') return `Model ${title}`;
  return title;
}

/** The user's own folder is long, and everybody knows ~. */
function homely(text: string): string {
  const home = known(homedir).value ?? '';
  return home.length > 1 ? text.replaceAll(`${home}/`, '~/') : text;
}

/**
 * Lines of at most so many characters. What stands in backticks, to be copied, stays in one, as do numbers with their units; a word that is longer, a path most
 * often, is cut behind a slash.
 */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of (text.match(/`[^`]+`\S*|\d[\d.]* (?:ms|s|MB|GB)\b\S*|\S+/g) ?? []).flatMap((each) =>
    pieces(each, width),
  )) {
    const longer = line === '' ? word.text : `${line}${word.glued ? '' : ' '}${word.text}`;
    if (longer.length > width && line !== '') {
      lines.push(line);
      line = word.text;
    } else {
      line = longer;
    }
  }
  return line === '' ? lines : [...lines, line];
}

/** A word whole where it fits into a line; else as pieces that do. */
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
