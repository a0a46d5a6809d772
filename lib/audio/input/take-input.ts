import { types } from 'node:util';

import { EmotionError } from '../../shared/errors.js';
import { limits } from '../../options/limits.js';
import { kindOf, shown } from '../../shared/text.js';
import { type ByteSource, iterableSource, nodeSource, webSource } from './byte-source.js';
import { assertAttached, bytesOf } from './bytes.js';
import { bytesOfDataUrl, pathOfUrl } from './file-url.js';
import type { AudioBlob, AudioInput, AudioSamples, AudioUrl, AudioWebStream } from '../pcm.js';

/** An input, and what it turned out to be. A stream is this call's from here on. */
export type TakenInput = { /** What errors call it. */ name: string } & (
  | { kind: 'file'; path: string | Buffer }
  | { kind: 'bytes'; bytes: () => Uint8Array }
  | { kind: 'blob'; blob: AudioBlob }
  | { kind: 'stream'; source: ByteSource }
  | ({ kind: 'samples' } & AudioSamples)
);

const EXPECTED =
  'The input must be a path, a file: URL, bytes (Uint8Array, ArrayBuffer, DataView), a Blob, a stream or iterable of bytes, or ' +
  '{ samples: Float32Array | Float64Array | Int16Array, sampleRate }';

/**
 * Finds out what an input is, by what it can do rather than by its class, so that those of other realms are known too. Nothing
 * of it is read yet.
 * @param name what errors call it, where the caller has a name for it
 * @throws TypeError for another kind of input
 * @throws EmotionError ERR_FILE_NOT_FOUND for a URL of no file
 */
export function takeInput(input: AudioInput, name?: string): TakenInput {
  const called = (own = 'The audio') => shown(name ?? own);
  if (typeof input === 'string') return ofText(input, called);
  if (typeof input !== 'object' || input === null) throw new TypeError(`${EXPECTED}, got ${kindOf(input)}`);
  if (bytesOf(input) !== undefined) return { kind: 'bytes', name: called(), bytes: () => bytesOf(input)! };
  if (ArrayBuffer.isView(input)) {
    throw new TypeError(
      `A ${kindOf(input).replace(/^an object of type /, '')} may be samples: give { samples, sampleRate }`,
    );
  }
  if (isUrl(input)) return ofUrl(input, called);
  if ('samples' in input) return { kind: 'samples', name: called(), ...samplesOf(input) };
  if (isBlob(input)) return { kind: 'blob', name: called(fileNameOf(input)), blob: input };
  if (isNodeStream(input)) return { kind: 'stream', name: called(fileNameOf(input)), source: nodeSource(input) };
  if (isWebStream(input)) return { kind: 'stream', name: called(), source: webSource(input) };
  if (isIterable(input)) return { kind: 'stream', name: called(), source: iterableSource(input) };
  throw new TypeError(`${EXPECTED}, got ${kindOf(input)}`);
}

/** Nobody wants the input any more: a stream that was not read to its end is destroyed, cancelled or returned. */
export function stopInput(taken: TakenInput): void {
  if (taken.kind === 'stream') taken.source.stop();
}

type Called = (own?: string) => string;

function ofText(text: string, called: Called): TakenInput {
  if (text === '') throw new TypeError('The path of the clip is empty');
  const scheme = /^([a-z][a-z\d+.-]*):(\/\/)?/i.exec(text);
  if (scheme?.[1]?.toLowerCase() === 'data') return ofDataUrl(text, called);
  if (scheme?.[2] !== undefined) throw refuseUrl(text);
  return ofPath(text, called(text));
}

function ofUrl(url: AudioUrl, called: Called): TakenInput {
  const { href, protocol } = url;
  if (protocol === 'data:') return ofDataUrl(href, called);
  if (protocol !== 'file:') throw refuseUrl(href);
  const path = pathOfUrl({ href });
  return ofPath(path, called(typeof path === 'string' ? path : href));
}

function ofDataUrl(url: string, called: Called): TakenInput {
  return { kind: 'bytes', name: called(), bytes: () => bytesOfDataUrl(url) };
}

function ofPath(path: string | Buffer, name: string): TakenInput {
  if (!path.includes('\0')) return { kind: 'file', name, path };
  throw new EmotionError('ERR_FILE_NOT_FOUND', `There is no file ${name}: no path holds a NUL character`);
}

/** A URL in text is taken for one: no path that anybody has begins so, and `./` before it makes it a path. */
export function refuseUrl(url: string): EmotionError {
  const quoted = shown(url.replace(/\/\/[^/@]*@/, '//'));
  const remedy = /^https?:/i.test(url)
    ? 'Fetch it and give its bytes: recognize(await (await fetch(url)).arrayBuffer()); on the command line: curl -sL URL | emotion2vec recognize -'
    : /^file:/i.test(url)
      ? 'Give new URL(text) rather than the text.'
      : 'Give a path, a file: URL, or the bytes.';
  return new EmotionError('ERR_FILE_NOT_FOUND', `${quoted} is a URL, not a file`, { remedy });
}

/** @throws TypeError; what a getter throws */
function samplesOf(input: object): AudioSamples {
  const { samples, sampleRate } = input as { samples: unknown; sampleRate: unknown }; // each once: getters may change their minds
  if (!(types.isFloat32Array(samples) || types.isFloat64Array(samples) || types.isInt16Array(samples))) {
    const hint = Array.isArray(samples) ? ' (Float32Array.from(samples) makes one of numbers within -1..1)' : '';
    throw new TypeError(`samples must be a Float32Array, Float64Array or Int16Array, got ${kindOf(samples)}${hint}`);
  }
  assertAttached(samples);
  const { min, max } = limits.sampleRate;
  if (typeof sampleRate !== 'number' || !Number.isInteger(sampleRate) || sampleRate < min || sampleRate > max) {
    const got = typeof sampleRate === 'number' ? String(sampleRate) : kindOf(sampleRate);
    throw new TypeError(`sampleRate must be an integer from ${min} to ${max}, got ${got}`);
  }
  return { samples, sampleRate };
}

/** A file's own name, or the path of a stream that `fs` opened. */
function fileNameOf(input: object): string | undefined {
  const { name, path, fd } = input as { name?: unknown; path?: unknown; fd?: unknown };
  if (fd === 0) return 'Standard input';
  return [name, path].find((text): text is string => typeof text === 'string' && text !== '');
}

function isUrl(input: object): input is AudioUrl {
  const { href, protocol } = input as Partial<AudioUrl>;
  return typeof href === 'string' && typeof protocol === 'string' && 'searchParams' in input;
}

function isBlob(input: object): input is AudioBlob {
  const { size, arrayBuffer, stream } = input as Partial<AudioBlob>;
  return typeof size === 'number' && typeof arrayBuffer === 'function' && typeof stream === 'function';
}

function isNodeStream(input: object): input is NodeJS.ReadableStream {
  const { pipe, read, on } = input as Partial<NodeJS.ReadableStream>;
  return typeof pipe === 'function' && typeof read === 'function' && typeof on === 'function';
}

function isWebStream(input: object): input is AudioWebStream {
  const { getReader, locked } = input as Partial<AudioWebStream>;
  return typeof getReader === 'function' && typeof locked === 'boolean';
}

function isIterable(input: object): input is Iterable<unknown> | AsyncIterable<unknown> {
  return Symbol.asyncIterator in input || Symbol.iterator in input;
}
