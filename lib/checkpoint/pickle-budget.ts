import { PickleProblem } from './pickle-bytes.js';

/**
 * Maximum number of opcodes and of values that they handle. A tensor takes about 40, so that 50,000 tensors fit. Takes half a
 * second.
 */
const MAX_STEPS = 2_000_000;
/**
 * Maximum number of strings, containers, dict entries and memo entries. A tensor takes about 16. Each takes up to 200 bytes of
 * memory.
 */
export const MAX_KEPT = 1_200_000;
/** Maximum length of the name of a module, of a class, and of the member with the data of a tensor. */
export const MAX_NAME = 1000;

/** Counts what a pickle does and keeps. Throws a PickleProblem if that is more than any checkpoint needs. */
export class PickleBudget {
  #steps = 0;
  #kept = 0;

  count(steps: number): void {
    this.#steps += steps;
    if (this.#steps > MAX_STEPS) throw new PickleProblem('it has more operations than any checkpoint needs');
  }

  keep(): void {
    if (++this.#kept > MAX_KEPT) throw new PickleProblem('it contains more values than any checkpoint needs');
  }
}
