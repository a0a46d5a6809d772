import { types } from 'node:util';

import { limits } from '../../options/limits.js';
import { EmotionError } from '../../shared/errors.js';
import { kindOf, shown } from '../../shared/text.js';
import type { AudioBlob, AudioInput, AudioSamples, AudioUrl, AudioWebStream } from '../pcm.js';
import { type ByteSource, iterableSource, nodeSource, webSource } from './byte-source.js';
import { assertAttached, bytesOf } from './bytes.js';
import { bytesOfDataUrl, pathOfUrl } from './file-url.js';

/** An input, classified by kind. A stream that was taken belongs to this call. */
export type TakenInput = { /** The clip's name in error messages. */ name: string } & (
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
 * Classifies an input by its properties rather than by its class, so that objects of other realms are recognized too. Nothing is
 * read yet.
 * @param name the clip's name in error messages, if the caller has one
 * @throws TypeError for an unsupported kind of input
 * @throws EmotionError ERR_FILE_NOT_FOUND for a URL that is not a file URL
 */
export function takeInput(input: AudioInput, name?: string): TakenInput {
  const nameOr = (own = 'The audio') => shown(name ?? own);
  if (typeof input === 'string') return ofText(input, nameOr);
  if (typeof input !== 'object' || input === null) throw new TypeError(`${EXPECTED}; received ${kindOf(input)}`);
  if (bytesOf(input) !== undefined) return { kind: 'bytes', name: nameOr(), bytes: () => bytesOf(input)! };
  if (ArrayBuffer.isView(input)) {
    throw new TypeError(`${EXPECTED}; received ${kindOf(input)}. Pass samples as { samples, sampleRate }`);
  }
  if (isUrl(input)) return ofUrl(input, nameOr);
  if ('samples' in input) return { kind: 'samples', name: nameOr(), ...samplesOf(input) };
  if (isBlob(input)) return { kind: 'blob', name: nameOr(fileNameOf(input)), blob: input };
  if (isNodeStream(input)) return { kind: 'stream', name: nameOr(fileNameOf(input)), source: nodeSource(input) };
  if (isWebStream(input)) return { kind: 'stream', name: nameOr(), source: webSource(input) };
  if (isIterable(input)) return { kind: 'stream', name: nameOr(), source: iterableSource(input) };
  throw new TypeError(`${EXPECTED}; received ${kindOf(input)}`);
}

/** Releases an input. A stream that was not read to its end is destroyed, cancelled or returned. */
export function stopInput(taken: TakenInput): void {
  if (taken.kind === 'stream') taken.source.stop();
}

/** Returns the caller's name for the clip, or this one. */
type NameOr = (own?: string) => string;

function ofText(text: string, nameOr: NameOr): TakenInput {
  if (text === '') throw new TypeError('The path of the clip is empty');
  const scheme = /^([a-z][a-z\d+.-]*):(\/\/)?/i.exec(text);
  if (scheme?.[1]?.toLowerCase() === 'data') return ofDataUrl(text, nameOr);
  if (scheme?.[2] !== undefined) throw refuseUrl(text);
  return ofPath(text, nameOr(text));
}

function ofUrl(url: AudioUrl, nameOr: NameOr): TakenInput {
  const { href, protocol } = url;
  if (protocol === 'data:') return ofDataUrl(href, nameOr);
  if (protocol !== 'file:') throw refuseUrl(href);
  const path = pathOfUrl({ href });
  return ofPath(path, nameOr(typeof path === 'string' ? path : href));
}

function ofDataUrl(url: string, nameOr: NameOr): TakenInput {
  return { kind: 'bytes', name: nameOr(), bytes: () => bytesOfDataUrl(url) };
}

function ofPath(path: string | Buffer, name: string): TakenInput {
  if (!path.includes('\0')) return { kind: 'file', name, path };
  throw new EmotionError('ERR_FILE_NOT_FOUND', `There is no file ${name}: a path cannot contain a NUL character`);
}

/** Returns the error for text that is a URL. Paths do not usually begin like a URL; `./` in front makes such text a path. */
export function refuseUrl(url: string): EmotionError {
  const quoted = shown(url.replace(/\/\/[^/@]*@/, '//'));
  const remedy = /^https?:/i.test(url)
    ? 'Fetch it and pass its bytes: recognize(await (await fetch(url)).arrayBuffer()); on the command line: curl -sL URL | emotion2vec recognize -'
    : /^file:/i.test(url)
      ? 'Pass new URL(text) instead of the text.'
      : 'Pass a path, a file: URL, or the bytes.';
  return new EmotionError('ERR_FILE_NOT_FOUND', `${quoted} is a URL, not a file`, { remedy });
}

/** @throws TypeError; any error of a getter */
function samplesOf(input: object): AudioSamples {
  const { samples, sampleRate } = input as { samples: unknown; sampleRate: unknown }; // each is read once, because getters may return different values
  if (!(types.isFloat32Array(samples) || types.isFloat64Array(samples) || types.isInt16Array(samples))) {
    const hint = Array.isArray(samples) ? ' (Float32Array.from(samples) converts numbers within -1..1)' : '';
    throw new TypeError(
      `samples must be a Float32Array, Float64Array or Int16Array; received ${kindOf(samples)}${hint}`,
    );
  }
  assertAttached(samples);
  const { min, max } = limits.sampleRate;
  if (typeof sampleRate !== 'number' || !Number.isInteger(sampleRate) || sampleRate < min || sampleRate > max) {
    const received = typeof sampleRate === 'number' ? String(sampleRate) : kindOf(sampleRate);
    throw new TypeError(`sampleRate must be an integer from ${min} to ${max}; received ${received}`);
  }
  return { samples, sampleRate };
}

/** Returns the name of a File, or the path of a stream of `fs`. */
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
