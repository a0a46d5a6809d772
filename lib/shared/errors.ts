import { types } from 'node:util';

import { shown } from './text.js';

/** Every error the package throws on purpose, in one table: what `code` means and what a person can do about it. */
const REMEDIES = {
  ERR_AUDIO_DECODE: 'Check that the file plays; docs/audio-formats.md lists what is read.',
  ERR_DECODER_UNAVAILABLE:
    "Install ffmpeg (Debian, Ubuntu: apt-get install ffmpeg), name one with EMOTION2VEC_FFMPEG, or use decoder 'auto'.",
  ERR_AUDIO_TOO_SHORT: 'Give a longer clip.',
  ERR_AUDIO_TOO_LONG: 'Give a shorter recording, or raise maxDuration.',
  ERR_AUDIO_NOT_FINITE: 'Replace NaN and infinite samples, or export the recording again.',
  ERR_FILE_NOT_FOUND: 'Check the path.',
  ERR_FILE_READ: 'Check that it is a readable file.',
  ERR_FILE_WRITE: 'Check that the folder is writable and the disk has room.',
  ERR_MODEL_NOT_FOUND: 'Run `emotion2vec models` for the built-in names, or give the path of a .pt archive.',
  ERR_MODEL_LOAD: 'Give a TorchScript archive (.pt), as torch.jit.save writes it.',
  ERR_CHECKPOINT: 'Give the model.pt of an emotion2vec+ model as FunASR publishes it, with its tokens.txt beside it.',
  ERR_LABELS: 'Give a CSV file with a header, and a column each of the clip and its emotion (docs/evaluation.md).',
  ERR_MODEL_RUN: 'Check that the inputs fit the method that was called.',
  ERR_LIBTORCH_MISSING: 'Run `npx emotion2vec setup`, or set LIBTORCH to a libtorch directory.',
  ERR_LIBTORCH_DOWNLOAD: 'Check the network and the free disk space and run `npx emotion2vec setup` again.',
  ERR_ADDON_MISSING: 'Run `npx emotion2vec setup`; it needs CMake and a C++20 compiler when no prebuilt binary fits.',
  ERR_ADDON_BUILD:
    'Install CMake 3.18 or newer and a C++20 compiler (g++ 10 or newer), then run `npx emotion2vec setup` again.',
  ERR_PLATFORM: 'Linux x64 with glibc is supported.',
  ERR_DEVICE_UNAVAILABLE: "Use device 'cpu' or 'auto'.",
  ERR_PRECISION_UNSUPPORTED: "Use precision 'auto', or an archive in another precision.",
  ERR_QUANTIZE: 'Quantise an archive with float32 linear layers, once.',
  ERR_OUT_OF_MEMORY: 'Give shorter clips, use a smaller precision, or allow or free more memory.',
  ERR_QUEUE_FULL: 'Wait for running calls to finish, or raise maxQueue.',
  ERR_TIMEOUT: 'Raise timeoutMs, or send fewer clips at once.',
  ERR_LISTEN: 'Choose another --port or --host.',
  ERR_CLOSED: 'Create a new one: this one was closed.',
} as const;

export type ErrorCode = keyof typeof REMEDIES;

/** Characters of `what`. A net: what is quoted in it is cut where it is quoted. */
const MOST = 1000;

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(REMEDIES, code);
}

/**
 * The one error class of the package. `code` is stable and meant for programs; the message says what happened and
 * what to do about it; `cause` keeps the error underneath.
 */
export class EmotionError extends Error {
  readonly code: ErrorCode;
  readonly #what: string;
  readonly #remedy: string;

  /**
   * @param code one of the stable codes
   * @param what what happened, a sentence without a full stop
   * @param options `cause`: the error underneath; `remedy`: replaces the code's usual advice
   */
  constructor(code: ErrorCode, what: string, options: { cause?: unknown; remedy?: string } = {}) {
    const sentence = shown(what, MOST).replace(/\.$/, ''); // what is quoted from elsewhere may end with one
    const remedy = options.remedy ?? REMEDIES[code];
    super(`${sentence}. ${remedy}`, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'EmotionError';
    this.code = code;
    this.#what = sentence;
    this.#remedy = remedy;
  }

  /** What happened, a sentence without a full stop. */
  get what(): string {
    return this.#what;
  }

  /** What can be done about it. */
  get remedy(): string {
    return this.#remedy;
  }
}

export function isOutOfMemory(error: unknown): error is EmotionError {
  return error instanceof EmotionError && error.code === 'ERR_OUT_OF_MEMORY';
}

/** The message of whatever was thrown; of the file system's, without the paths at its end. */
export function messageOf(error: unknown): string {
  if (!isError(error)) return textOf(error);
  const { message, code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined || !message.startsWith(`${code}: `)) return message;
  const end = message.indexOf(`, ${syscall}`);
  return end < 0 ? message : message.slice(0, end + `, ${syscall}`.length);
}

/** Also an error of another realm (node:vm), which is no instance of our class. */
function isError(error: unknown): error is Error {
  return error instanceof Error || types.isNativeError(error);
}

/** Anything may be thrown, also what cannot be made into text. */
function textOf(value: unknown): string {
  try {
    return String(value);
  } catch {
    return 'something that is no error';
  }
}
