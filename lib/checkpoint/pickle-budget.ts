import { PickleProblem } from './pickle-bytes.js';

/** Opcodes and values that they handle: a tensor takes some 40, so that 50,000 fit. Half a second. */
const MOST_STEPS = 2_000_000;
/** Strings, containers, entries of dicts and of the memo: a tensor takes some 16. Each has up to 200 bytes here. */
export const MOST_KEPT = 1_200_000;
/** Characters of the name of a module, of a class, and of the file of a tensor's data. */
export const MOST_NAME = 1000;

/** What a pickle has done and keeps. @throws PickleProblem where that is more than any checkpoint's */
export class PickleBudget {
  #steps = 0;
  #kept = 0;

  count(steps: number): void {
    this.#steps += steps;
    if (this.#steps > MOST_STEPS) throw new PickleProblem('it goes on for longer than that of any checkpoint');
  }

  keep(): void {
    if (++this.#kept > MOST_KEPT) throw new PickleProblem('it holds more than any checkpoint does');
  }
}
