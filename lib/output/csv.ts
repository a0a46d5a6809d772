import { stringify } from 'csv-stringify/sync';

/** The fields of an outcome that its rows contain. Results in memory and results read from JSON both have them. */
export interface CsvOutcome {
  file: string;
  result?:
    | {
        duration: number;
        emotion: string;
        scores: Record<string, number>;
        frames?: { start: number; end: number; emotion: string; scores: Record<string, number> }[] | undefined;
      }
    | undefined;
  error?: { code: string } | undefined;
}

/**
 * Formats outcomes as CSV, one piece per outcome. A clip becomes one row, or one row per window of its timeline. The columns are
 * the labels of the first result.
 */
export class CsvWriter {
  #labels: string[] | undefined;
  /** Failures before the first result. They wait because the labels, which become columns, are not known yet. */
  #pending: CsvOutcome[] = [];

  each(outcome: CsvOutcome): string {
    if (this.#labels !== undefined) return stringify(rowsOf(outcome, this.#labels));
    this.#pending.push(outcome);
    return outcome.result === undefined ? '' : this.#begin(Object.keys(outcome.result.scores));
  }

  end(): string {
    return this.#labels === undefined ? this.#begin([]) : '';
  }

  #begin(labels: string[]): string {
    this.#labels = labels;
    const rows = this.#pending.splice(0).flatMap((outcome) => rowsOf(outcome, labels));
    return stringify([['file', 'start', 'end', 'emotion', 'confidence', ...labels, 'error'], ...rows]);
  }
}

function rowsOf({ file, result, error }: CsvOutcome, labels: string[]): (string | number)[][] {
  const name = escapeFormula(file);
  if (result === undefined) return [[name, '', '', '', '', ...labels.map(() => ''), error?.code ?? '']];
  const whole = { start: 0, end: result.duration, emotion: result.emotion, scores: result.scores };
  return (result.frames ?? [whole]).map(({ start, end, emotion, scores }) => [
    name,
    start,
    end,
    emotion,
    scores[emotion] ?? 0,
    ...labels.map((label) => scores[label] ?? 0),
    '',
  ]);
}

/** Spreadsheets evaluate text that begins like a formula, and a file name may contain any text. */
function escapeFormula(name: string): string {
  return /^[=+\-@\t\r＝＋－＠]/.test(name) ? `'${name}` : name;
}
