/**
 * Parsers for the values of options. They run while the command line is read, so that an invalid value is reported before
 * anything is downloaded or built. The ranges are those of the library's schemas.
 */
import { InvalidArgumentError } from 'commander';

import { limits } from '../options/limits.js';
import { describeIssues } from '../options/parse.js';
import { deviceSchema, rawSchema, threadsSchema, timelineSchema, windowSchema } from '../options/schemas.js';
import { trustOf } from '../server/address.js';
import * as z from '../vendor/zod.js';

/**
 * Creates a parser that checks a value with a schema.
 * @param convert converts the text of the command line to what the schema expects
 */
export function parserOf<S extends z.ZodType>(schema: S, convert: (text: string) => unknown = numberOrText) {
  return (text: string): z.output<S> => {
    const parsed = schema.safeParse(convert(text), { reportInput: true });
    if (parsed.success) return parsed.data;
    throw invalid(describeIssues(parsed.error));
  };
}

/** Creates the error that commander prints after its own sentence. */
function invalid(reason: string): InvalidArgumentError {
  return new InvalidArgumentError(reason.charAt(0).toUpperCase() + reason.slice(1));
}

/** Converts decimal numbers. Any other text stays text, so that the schema's message quotes it. */
function numberOrText(text: string): number | string {
  return /^\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : text;
}

export const device = parserOf(deviceSchema);
export const threads = parserOf(threadsSchema);
export const window = parserOf(windowSchema);
export const timelineSeconds = parserOf(timelineSchema);
export const port = parserOf(z.number().int().min(0).max(65_535));
/** A number of requests or connections; 0 stands for no limit. */
export const countOrZero = parserOf(z.number().int().min(0));

/**
 * Rejects the value of `--option "$UNSET"`: with an empty host, the server would listen on every address, and with an empty
 * token, it would admit everyone.
 */
export const nonEmpty = parserOf(
  z.string().refine((text) => text.trim() !== '', { error: 'the value is empty; check that the variable is set' }),
  String,
);

const RAW = 'expected encoding:rate[:channels], such as mulaw:8000 or s16le:44100:2';

/** Parses the format of samples without a header, such as `mulaw:8000` or `s16le:44100:2`. */
export function raw(text: string): z.output<typeof rawSchema> {
  const [encoding, sampleRate, channels, ...rest] = text.split(':');
  if (sampleRate === undefined || rest.length > 0) throw invalid(RAW);
  const format = {
    encoding,
    sampleRate: numberOrText(sampleRate),
    ...(channels !== undefined && { channels: numberOrText(channels) }),
  };
  const parsed = rawSchema.safeParse(format, { reportInput: true });
  if (!parsed.success) throw invalid(`${RAW}; ${describeIssues(parsed.error)}`);
  return parsed.data;
}

/** Appends a pair of `from=to`. `to` may be empty. */
export function mapping(text: string, previous: readonly [string, string][] = []): [string, string][] {
  const at = text.indexOf('=');
  if (at < 1) throw invalid('expected from=to, such as boredom=other');
  return [...previous, [text.slice(0, at), text.slice(at + 1)]];
}

/** Extends a parser so that it also accepts `off`, which becomes Infinity. */
export function orOff(parse: (text: string) => number) {
  return (text: string): number => (text === 'off' ? Infinity : parse(text));
}

/** Parses a duration such as `90`, `90s`, `15m`, `12h` or `7d` and returns it in seconds. */
export function duration(text: string): number {
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)([smhd])?$/.exec(text) ?? [];
  const seconds = Number(amount) * { s: 1, m: 60, h: 3600, d: 86_400 }[unit as 's'];
  if (!(seconds > 0 && seconds < Infinity)) {
    throw invalid('expected a duration such as 90s, 15m, 12h or 7d');
  }
  return seconds;
}

/** Parses the same durations and returns whole milliseconds that a timer accepts. */
export function timerMs(text: string): number {
  const ms = Math.round(1000 * duration(text));
  const { min, max } = limits.timerMs;
  if (ms < min || ms > max) {
    throw invalid(`expected a duration from ${min} ms to ${Math.floor(max / 86_400_000)} days`);
  }
  return ms;
}

/** Parses a size such as `500000`, `100k`, `200M` or `1G` and returns it in bytes. Units are binary. */
export function byteSize(text: string): number {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)([kMG])?B?$/i.exec(text) ?? [];
  const bytes = Math.round(Number(amount) * { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }[unit.toLowerCase() as 'k']);
  if (bytes < 1 || !Number.isSafeInteger(bytes)) throw invalid('expected a size such as 200M or 1G');
  return bytes;
}

/** Appends an origin in the form in which browsers send it: without a path, and without the default port. */
export function origin(text: string, previous: readonly string[]): string[] {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const found = `${url?.protocol}//${url?.host}`;
  if (!url?.host || (url.href !== found && url.href !== `${found}/`)) {
    throw invalid('expected an origin such as https://example.org, without a path');
  }
  return [...previous, found];
}

const proxyCount = parserOf(z.number().int().min(limits.proxies.min).max(limits.proxies.max));

/** Parses a number of proxies in a row, or a list of their addresses and networks. */
export function proxies(text: string): number | string[] {
  if (/^\d+$/.test(text)) return proxyCount(text);
  const addresses = text.split(',').map((address) => address.trim());
  try {
    trustOf(addresses);
  } catch {
    throw invalid('expected a number of proxies, or addresses such as 10.0.0.0/8,192.168.1.2');
  }
  return addresses;
}
