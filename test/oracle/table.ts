import type { Row } from './measure.js';

const BEGIN = '<!-- table: begin -->';
const END = '<!-- table: end -->';

/** Returns the document with its table replaced. */
export function withTable(document: string, table: string): string {
  const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`the document has no place for a table: ${BEGIN} ${END}`);
  return `${document.slice(0, begin + BEGIN.length)}\n\n${table}\n${document.slice(end)}`;
}

/** Returns a Markdown table. Each row contains the codecs of a container that one decoder reads, and the worst values of their files. */
export function tableOf(rows: readonly Row[]): string {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const { never, format, lossless } = row.case;
    if (row.verdict === 'not made' || never !== undefined) continue;
    const [container] = format.split(', ');
    const key = [container, readBy(row), lossless].join();
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const order = ['this package', 'ffmpeg', 'not read'];
  const lines = [...groups.values()]
    .sort((a, b) => order.indexOf(readBy(a[0]!)) - order.indexOf(readBy(b[0]!)))
    .map(lineOf);
  const head = [
    '| format | codecs | read by | files | correlation | level | length |',
    '|---|---|---|---|---|---|---|',
  ];
  return [...head, ...lines, ''].join('\n');
}

function readBy({ by, correlation }: Row): 'this package' | 'ffmpeg' | 'not read' {
  if (correlation === undefined) return 'not read';
  return by === 'ffmpeg' ? 'ffmpeg' : 'this package';
}

function lineOf(rows: readonly Row[]): string {
  const [container] = rows[0]!.case.format.split(', ');
  const codecs = new Set(rows.map(({ case: { format } }) => format.split(', ').slice(1).join(', ')));
  const named = [...codecs].filter((codec) => codec !== '' && !/^(by|headers) /.test(codec));
  const start = [container, named.join(', '), readBy(rows[0]!), rows.length];
  if (rows[0]!.correlation === undefined) return `| ${[...start, '', '', ''].join(' | ')} |`;
  const worst = (value: (row: Row) => number) => Math.max(...rows.map((row) => Math.abs(value(row))));
  const correlation = Math.min(...rows.map((row) => row.correlation!));
  const cells = [
    (Math.floor(correlation * 1e4) / 1e4).toFixed(4),
    `${worst((row) => row.level!).toFixed(2)} dB`,
    `${worst((row) => row.length!)}`,
  ];
  return `| ${[...start, ...cells].join(' | ')} |`;
}
