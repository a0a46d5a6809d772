/** How a download reports its progress. */
export interface Progress {
  /** Shows a line about the step that begins. */
  say(line: string): void;
  /** Called with the bytes so far; `total` is 0 if it is not known. */
  bytes(received: number, total: number): void;
}
