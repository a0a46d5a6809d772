import { largest } from '../shared/largest.js';

/** Formats rows as aligned columns. The first column is aligned to the left, the others to the right. */
export function inColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => largest(rows.map((cells) => cells[column]!.length)));
  return rows.map((cells) =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}

/** `1 clip`, `2 clips`. */
export function formatCount(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

/** `63.1%`. */
export function formatPercent(fraction: number, digits = 1): string {
  return `${(100 * fraction).toFixed(digits)}%`;
}

/** `162.5 M`, for numbers of parameters. */
export function formatMillions(count: number): string {
  return `${(count / 1e6).toFixed(1)} M`;
}

/** Shortens a name to a maximum length. */
export function truncate(name: string, maxLength: number): string {
  return name.length > maxLength ? `${name.slice(0, maxLength - 1)}…` : name;
}
