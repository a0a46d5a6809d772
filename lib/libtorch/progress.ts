/** Receives the progress of a download. */
export interface Progress {
  /** Called with a line of text about the step that begins. */
  say(line: string): void;
  /** Called with the number of bytes received so far. `total` is 0 if it is not known. */
  bytes(received: number, total: number): void;
}
