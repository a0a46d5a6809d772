import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { EmotionError } from '../lib/shared/errors.js';
import { randomFrom, seedOf } from '../lib/evaluation/random.js';

/** Code that reads untrusted bytes. Each module of fuzz/targets exports one as `target`. */
export interface FuzzTarget {
  /** Initial inputs: bytes, or paths of files. Files in fuzz/seeds/NAME are added automatically. */
  seeds(): (Buffer | string)[];
  /** Processes an input. Throws for a finding: an error without a code, or a wrong result. All other outcomes are accepted. */
  fuzz(data: Buffer): void | Promise<void>;
  /**
   * Returns a modification of an input that random changes of bytes would hardly produce, such as of a structure of the format. It is
   * tried in addition to each input.
   * @param random returns uniform numbers from 0 (inclusive) to 1 (exclusive)
   */
  mutate?(data: Buffer, random: () => number): Buffer;
  /** Byte sequences that the format contains, such as magic numbers and names, as Latin-1. */
  dictionary?: string[];
  /** Whether `npm run fuzz:ci` runs it. Default true. */
  ci?: boolean;
  /** Maximum length of an input. Default 65,536. Longer inputs take more time and find little more. */
  maxBytes?: number;
  /** Modules outside of lib/ whose coverage guides the search, as parts of their paths. */
  instrument?: string[];
}

/** Maximum memory in bytes. To exceed it is a finding. The process itself takes some 200 MB of it. */
export const MEMORY_LIMIT = 2 ** 30;

export const ROOT = path.join(__dirname, '../../..');
/** Matches a line of a stack trace in the code of this project. */
const PROJECT_FRAME = /[\\/](build[\\/]test[\\/])?(lib|fuzz)[\\/](?!.*node_modules)/;

/** Returns the files in a folder of the checkout, or beside it, with these extensions if any are given. Returns none if there is no folder. */
export function filesIn(folder: string, ...extensions: string[]): string[] {
  const whole = path.resolve(ROOT, folder);
  if (!existsSync(whole)) return [];
  const names = readdirSync(whole).sort();
  return names
    .filter((name) => extensions.length === 0 || extensions.some((extension) => name.endsWith(extension)))
    .map((name) => path.join(whole, name));
}

export async function loadTarget(name: string): Promise<FuzzTarget> {
  return ((await import(path.join(__dirname, 'targets', `${name}.js`))) as { target: FuzzTarget }).target;
}

export function targetNames(): string[] {
  const files = readdirSync(path.join(__dirname, 'targets'));
  return files.filter((file) => file.endsWith('.js')).map((file) => path.basename(file, '.js'));
}

/** Returns the committed inputs: small initial ones, and former findings. */
export function keptSeeds(name: string): string[] {
  return filesIn(`fuzz/seeds/${name}`);
}

export function readSeed(seed: Buffer | string): Buffer {
  return typeof seed === 'string' ? readFileSync(seed) : seed;
}

/** Tries an input, and its modification by the target's `mutate`, which depends on the input alone, so that findings are reproducible. */
export async function tryInput(target: FuzzTarget, data: Buffer): Promise<void> {
  await target.fuzz(Buffer.from(data)); // a copy: a target may keep or change its input
  if (target.mutate === undefined) return;
  await target.fuzz(target.mutate(Buffer.from(data), randomFrom(seedOf(data.toString('latin1')))));
}

/** Calls a function that may reject its input with an error code. Returns undefined then; any other error is a finding. */
export async function allowErrorCodes<T>(run: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof EmotionError) return undefined;
    throw error;
  }
}

/**
 * Calls a function on a level at which errors have no codes yet, and may reject its input with any error. Findings are errors of the
 * language that the code of this project caused, such as an access beyond the end or an invalid array length.
 */
export async function allowDeliberateErrors<T>(run: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    const ofTheLanguage = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
    const isProject =
      error instanceof Error &&
      PROJECT_FRAME.test(
        error.stack?.split('\n').find((line) => /^\s+at /.test(line) && !/ \(node:|<anonymous>/.test(line)) ?? '',
      );
    if (ofTheLanguage && isProject) throw error;
    return undefined;
  }
}
