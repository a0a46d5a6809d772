import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { EmotionError } from '../lib/shared/errors.js';
import { randomFrom, seedOf } from '../lib/evaluation/random.js';

/** What reads strangers' bytes. A module of fuzz/targets exports one as `target`. */
export interface FuzzTarget {
  /** Where fuzzing begins: whole inputs, and files of them. Those in fuzz/seeds/NAME need not be named. */
  seeds(): (Buffer | string)[];
  /** Throws for a finding: an error without a code, or a result that is wrong. Whatever else may come of the bytes is no finding. */
  fuzz(data: Buffer): void | Promise<void>;
  /**
   * A change that bytes alone would hardly make, such as a part of the format. It is tried in addition to each input.
   * @param random uniform numbers from 0 to below 1
   */
  mutate?(data: Buffer, random: () => number): Buffer;
  /** What the format is made of: magic numbers, names. Characters stand for bytes (latin1). */
  dictionary?: string[];
  /** Whether `npm run fuzz:ci` runs it. Default true. */
  ci?: boolean;
  /** Longest input. Default 65,536: what is longer takes longer and finds little more. */
  maxBytes?: number;
  /** Modules outside of lib/ whose branches guide the search, as parts of their paths. */
  instrument?: string[];
}

/** More than this is a finding, whatever comes of the input. The process itself takes some 200 MB of it. */
export const MEMORY_LIMIT = 2 ** 30;

export const ROOT = path.join(__dirname, '../../..');
/** A line of a stack that is this project's own. */
const OURS = /[\\/](build[\\/]test[\\/])?(lib|fuzz)[\\/](?!.*node_modules)/;

/** Files, those with one of these endings where any are named, in a folder of the checkout or beside it; none where it is not there. */
export function filesIn(folder: string, ...endings: string[]): string[] {
  const whole = path.resolve(ROOT, folder);
  if (!existsSync(whole)) return [];
  const names = readdirSync(whole).sort();
  return names
    .filter((name) => endings.length === 0 || endings.some((ending) => name.endsWith(ending)))
    .map((name) => path.join(whole, name));
}

export async function loadTarget(name: string): Promise<FuzzTarget> {
  return ((await import(path.join(__dirname, 'targets', `${name}.js`))) as { target: FuzzTarget }).target;
}

export function targetNames(): string[] {
  const files = readdirSync(path.join(__dirname, 'targets'));
  return files.filter((file) => file.endsWith('.js')).map((file) => path.basename(file, '.js'));
}

/** Inputs that are committed: small ones to begin with, and what was a finding once. */
export function keptSeeds(name: string): string[] {
  return filesIn(`fuzz/seeds/${name}`);
}

export function readSeed(seed: Buffer | string): Buffer {
  return typeof seed === 'string' ? readFileSync(seed) : seed;
}

/** One input, and what the target's `mutate` makes of it: which depends on the input alone, so that a finding can be repeated. */
export async function tryInput(target: FuzzTarget, data: Buffer): Promise<void> {
  await target.fuzz(Buffer.from(data)); // the fuzzer's memory is not the target's to keep or change
  if (target.mutate === undefined) return;
  await target.fuzz(target.mutate(Buffer.from(data), randomFrom(seedOf(data.toString('latin1')))));
}

/** Runs what may refuse its input with a code, undefined then; everything else that it throws is a finding. */
export async function coded<T>(run: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof EmotionError) return undefined;
    throw error;
  }
}

/**
 * The same for what lies below the place where errors get their codes, so that any error is a refusal there, other than one of the
 * language that came from our own lines: reading past the end, a length that no array has.
 */
export async function unlessMisuse<T>(run: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    const ofTheLanguage = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
    const ours =
      error instanceof Error &&
      OURS.test(
        error.stack?.split('\n').find((line) => /^\s+at /.test(line) && !/ \(node:|<anonymous>/.test(line)) ?? '',
      );
    if (ofTheLanguage && ours) throw error;
    return undefined;
  }
}
