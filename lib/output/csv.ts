import { stringify } from 'csv-stringify/sync';

/** What a row is made of. Results have it, in memory and as JSON. */
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

/** Outcomes as CSV, a piece each: a row a clip, or with a timeline a row a window. The columns are the first result's labels. */
export class CsvWriter {
  #labels: string[] | undefined;
  /** Failures that came before the first result: the labels, so the columns, are not known yet. */
  #held: CsvOutcome[] = [];

  each(outcome: CsvOutcome): string {
    if (this.#labels !== undefined) return stringify(rowsOf(outcome, this.#labels));
    this.#held.push(outcome);
    return outcome.result === undefined ? '' : this.#begin(Object.keys(outcome.result.scores));
  }

  end(): string {
    return this.#labels === undefined ? this.#begin([]) : '';
  }

  #begin(labels: string[]): string {
    this.#labels = labels;
    const rows = this.#held.splice(0).flatMap((outcome) => rowsOf(outcome, labels));
    return stringify([['file', 'start', 'end', 'emotion', 'confidence', ...labels, 'error'], ...rows]);
  }
}

function rowsOf({ file, result, error }: CsvOutcome, labels: string[]): (string | number)[][] {
  const name = asText(file);
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

/** Spreadsheets run what begins like a formula, and files may be called anything. */
function asText(name: string): string {
  return /^[=+\-@\t\r＝＋－＠]/.test(name) ? `'${name}` : name;
}
