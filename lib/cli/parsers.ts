/** Values of options, checked as they are read: what is wrong with one must not be found out after minutes of building. */
import { InvalidArgumentError } from 'commander';
import type * as z from '../vendor/zod.js';

import { describeIssues } from '../options/parse.js';
import { deviceSchema, rawSchema } from '../options/schemas.js';
import { limits } from '../options/limits.js';
import { trustOf } from '../server/address.js';

interface Range {
  min: number;
  max: number;
}

export function device(value: string): string {
  const parsed = deviceSchema.safeParse(value);
  if (!parsed.success) throw new InvalidArgumentError(parsed.error.issues[0]?.message ?? '');
  return parsed.data;
}

/** What `--option "$UNSET"` becomes is no wish: an empty host would mean every address, an empty token everybody. */
export function filled(value: string): string {
  if (value.trim() === '') throw new InvalidArgumentError('it is empty; is a variable not set?');
  return value;
}

/** Adds a pair of `from=to`; `to` may be empty. */
export function mapping(value: string, others: readonly [string, string][] = []): [string, string][] {
  const at = value.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('expected from=to, such as boredom=other');
  return [...others, [value.slice(0, at), value.slice(at + 1)]];
}

export function port(value: string): number {
  if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) throw new InvalidArgumentError('expected a port, 0 to 65535');
  return Number(value);
}

/** Samples without a header, from `mulaw:8000` or `s16le:44100:2`. */
export function raw(value: string): z.output<typeof rawSchema> {
  const [encoding, sampleRate, channels, ...rest] = value.split(':');
  const numbers = { sampleRate: Number(sampleRate), ...(channels !== undefined && { channels: Number(channels) }) };
  const parsed = rawSchema.safeParse({ encoding, ...numbers });
  if (parsed.success && rest.length === 0) return parsed.data;
  const why = parsed.success ? '' : `: ${describeIssues(parsed.error)}`;
  throw new InvalidArgumentError(`expected encoding:rate[:channels], such as mulaw:8000 or s16le:44100:2${why}`);
}

export function whole({ min, max }: Range) {
  return (value: string): number => {
    if (!/^\d{1,9}$/.test(value) || !within(Number(value), { min, max }))
      throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}`);
    return Number(value);
  };
}

/** @param also what else may be given, for the message */
export function seconds(range: Range, also = '') {
  return (value: string): number => {
    if (!/^\d+(\.\d+)?$/.test(value) || !within(Number(value), range))
      throw new InvalidArgumentError(`expected ${also}seconds from ${range.min} to ${range.max}`);
    return Number(value);
  };
}

const windowSeconds = seconds(limits.window, 'auto, off or ');

export function window(value: string): 'auto' | 'off' | number {
  return value === 'auto' || value === 'off' ? value : windowSeconds(value);
}

/** Infinity from `off`; anything else as `parse` has it. */
export function orOff(parse: (value: string) => number) {
  return (value: string): number => (value === 'off' ? Infinity : parse(value));
}

/** Seconds, from `90`, `90s`, `15m`, `12h`, `7d`. */
export function time(value: string): number {
  const found = /^(\d+(?:\.\d+)?)([smhd]?)$/.exec(value);
  const amount = Number(found?.[1]) * { '': 1, s: 1, m: 60, h: 3600, d: 86_400 }[(found?.[2] ?? '') as 's'];
  if (!(amount > 0 && amount < Infinity)) throw new InvalidArgumentError('expected a time such as 90s, 15m, 12h or 7d');
  return amount;
}

/** Whole milliseconds that a timer takes, from what `time` reads. */
export function timer(value: string): number {
  const ms = Math.round(1000 * time(value));
  const { min, max } = limits.timerMs;
  if (!within(ms, { min, max }))
    throw new InvalidArgumentError(`expected a time from ${min} ms to ${Math.floor(max / 86_400_000)} days`);
  return ms;
}

/** Bytes, from `500000`, `100k`, `200M`, `1G`. */
export function bytes(value: string): number {
  const found = /^(\d+(?:\.\d+)?)([kMG]?)B?$/i.exec(value);
  const unit = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }[(found?.[2] ?? '').toLowerCase() as 'k'];
  const size = Math.round(Number(found?.[1]) * unit);
  if (!(size >= 1 && Number.isSafeInteger(size))) throw new InvalidArgumentError('expected a size such as 200M or 1G');
  return size;
}

/** Adds an origin, as browsers send it: no path, nor a port that goes without saying. */
export function origin(value: string, others: readonly string[]): string[] {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  const found = `${url?.protocol}//${url?.host}`;
  if (!url?.host || (url.href !== found && url.href !== `${found}/`))
    throw new InvalidArgumentError('expected an origin such as https://example.org, without a path');
  return [...others, found];
}

/** A number of proxies in a row, or their addresses and networks. */
export function proxies(value: string): number | string[] {
  if (/^\d+$/.test(value)) return whole(limits.proxies)(value);
  const addresses = value.split(',').map((address) => address.trim());
  try {
    trustOf(addresses);
  } catch {
    throw new InvalidArgumentError('expected a number of proxies, or addresses such as 10.0.0.0/8,192.168.1.2');
  }
  return addresses;
}

function within(value: number, { min, max }: Range): boolean {
  return value >= min && value <= max;
}
