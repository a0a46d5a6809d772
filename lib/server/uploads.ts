import type { FastifyMultipartBaseOptions, Multipart, MultipartFile } from '@fastify/multipart';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import type * as z from '../vendor/zod.js';

import { EmotionError, messageOf } from '../shared/errors.js';
import { ClientGone, HttpError, issuesOf, shortened } from './errors.js';
import type { Spool, Upload } from './spool.js';

/** Types of a body, or of a part, that may hold a recording. */
const RECORDING =
  /^(audio\/[\w.+-]+|video\/(webm|mp4|ogg|quicktime|x-matroska|matroska)|application\/(octet-stream|ogg))$/i;

/** Of a part that is no file, and how many of them there may be. */
const MAX_FIELD_BYTES = 1024;
const MAX_FIELDS = 32;
/** Between two looks at a form that has no next part yet, and how many of them may find nothing new. */
const LOOK_MS = 1000;
const LOOKS = { complete: 2, arriving: 60 };

export function isRecordingType(type: string | undefined): boolean {
  return RECORDING.test(type?.split(';')[0]?.trim() ?? '');
}

/** Aborts when the client goes before it has its answer. */
export function clientSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort(new ClientGone());
  });
  return controller.signal;
}

/** A part of a form that is a file: taken in, or refused. */
export type FormFile =
  { name: string; upload: Upload; error?: undefined } | { name: string; upload?: undefined; error: HttpError };

/**
 * The files of a form as they come, each taken in before the next is read; `fields` fills up on the way.
 * @throws HttpError ERR_BAD_REQUEST where the form itself is wrong
 */
export async function* formFiles(
  request: FastifyRequest,
  spool: Spool,
  { maxFiles, fields, signal }: { maxFiles: number; fields: Map<string, string>; signal: AbortSignal },
): AsyncGenerator<FormFile, void, undefined> {
  const limits = {
    files: maxFiles + 1,
    fields: MAX_FIELDS,
    fieldSize: MAX_FIELD_BYTES,
    fileSize: Number.MAX_SAFE_INTEGER,
  };
  let files = 0;
  try {
    for await (const part of partsOf(request, { limits, isPartAFile })) {
      if (part.type === 'field') {
        if (part.valueTruncated)
          throw new HttpError('ERR_BAD_REQUEST', `The field ${shortened(part.fieldname)} is too long`);
        fields.set(part.fieldname, String(part.value));
        continue;
      }
      if (++files > maxFiles) {
        const most = maxFiles === 1 ? 'one file' : `${maxFiles} files`;
        throw new HttpError('ERR_BAD_REQUEST', `The form holds more than ${most}`);
      }
      yield await take(request, part, spool, signal);
    }
  } catch (error) {
    throw signal.aborted ? error : worded(error);
  } finally {
    drain(request.raw); // what a client still sends of a form that is not read any more
  }
}

/** Those without a file name count where their type says what they are. */
function isPartAFile(_field: string | undefined, type: string | undefined, filename: string | undefined): boolean {
  return filename !== undefined || isRecordingType(type);
}

/**
 * The parts of a form. The parser may wait for ever behind a part that it skips, for one that cannot come any more.
 * @throws HttpError ERR_BAD_REQUEST then; what the parser throws
 */
async function* partsOf(
  request: FastifyRequest,
  options: FastifyMultipartBaseOptions,
): AsyncGenerator<Multipart, void, undefined> {
  const parts = request.parts(options);
  for (;;) {
    const { stalled, stop } = watch(request);
    try {
      const next = await Promise.race([parts.next(), stalled]);
      if (next.done === true) return;
      stop();
      yield next.value;
    } finally {
      stop();
    }
  }
}

/** Rejects when nothing has come for long. */
function watch(request: FastifyRequest): { stalled: Promise<never>; stop: () => void } {
  const what = 'The form cannot be read: nothing follows a part that is no form data, or that is cut off';
  let stop = (): void => undefined;
  const stalled = new Promise<never>((_resolve, reject) => {
    stop = onStall(request, LOOKS, () => reject(new HttpError('ERR_BAD_REQUEST', what)));
  });
  return { stalled, stop };
}

/** Calls back when so many looks have found no new byte. */
function onStall({ raw }: FastifyRequest, most: typeof LOOKS, stalled: () => void): () => void {
  let [bytes, looks] = [-1, 0];
  const looking = setInterval(() => {
    const { bytesRead } = raw.socket;
    looks = bytesRead === bytes ? looks + 1 : 0;
    bytes = bytesRead;
    if (looks >= (raw.complete ? most.complete : most.arriving)) stalled();
  }, LOOK_MS);
  return () => clearInterval(looking);
}

/** Nothing more comes of an upload, nor of what would follow it. */
class Stalled extends HttpError {}

/**
 * Takes a recording in while it comes.
 * @throws Stalled where it does not; what `Spool.take` throws
 */
async function spooled(
  request: FastifyRequest,
  content: Readable,
  { spool, name, signal }: { spool: Spool; name: string; signal: AbortSignal },
): Promise<Upload> {
  const stalled = new AbortController();
  // What has come whole is the disk's to take its time with.
  const stop = onStall(request, { ...LOOKS, complete: Infinity }, () => {
    stalled.abort(new Stalled('ERR_BAD_REQUEST', `Nothing of ${shortened(name)} has come for a minute`));
  });
  try {
    return await spool.take(content, name, AbortSignal.any([signal, stalled.signal]));
  } finally {
    stop();
  }
}

/** The parser's errors, in our words. */
function worded(error: unknown): unknown {
  const { code, statusCode } = error as { code?: string; statusCode?: number };
  if (code === 'FST_FIELDS_LIMIT')
    return new HttpError('ERR_BAD_REQUEST', `The form has more than ${MAX_FIELDS} fields`);
  if (error instanceof EmotionError || statusCode !== undefined) return error;
  return new HttpError('ERR_BAD_REQUEST', `The form cannot be read: ${shortened(messageOf(error))}`, { cause: error });
}

async function take(
  request: FastifyRequest,
  { file, filename, mimetype }: MultipartFile,
  spool: Spool,
  signal: AbortSignal,
): Promise<FormFile> {
  const name = clipName(filename);
  if (!isRecordingType(mimetype)) {
    file.resume();
    return {
      name,
      error: new HttpError(
        'ERR_UNSUPPORTED_TYPE',
        `${shortened(name)} is sent as ${shortened(mimetype)}, which is no audio`,
      ),
    };
  }
  try {
    return { name, upload: await spooled(request, file, { spool, name, signal }) };
  } catch (error) {
    if (error instanceof HttpError && !(error instanceof Stalled)) return { name, error };
    throw error; // the connection or the disk, which the next file would not get past either
  }
}

/**
 * The one recording that a form holds, and its fields.
 * @throws HttpError ERR_BAD_REQUEST, ERR_UNSUPPORTED_TYPE, ERR_UPLOAD_TOO_LARGE
 */
export async function formUpload<S extends z.ZodType>(
  request: FastifyRequest,
  spool: Spool,
  schema: S,
  signal: AbortSignal,
): Promise<{ upload: Upload; fields: z.output<S> }> {
  const fields = new Map<string, string>();
  let found: FormFile | undefined;
  try {
    for await (const file of formFiles(request, spool, { maxFiles: 1, fields, signal })) found = file;
    if (found === undefined) throw new HttpError('ERR_BAD_REQUEST', 'The form has no file');
    if (found.upload === undefined) throw found.error;
    return { upload: found.upload, fields: parseFields(schema, fields) };
  } catch (error) {
    await found?.upload?.remove();
    throw error;
  }
}

/**
 * The one recording that a body is.
 * @throws HttpError ERR_UPLOAD_TOO_LARGE
 */
export async function bodyUpload(
  request: FastifyRequest,
  spool: Spool,
  { name, signal }: { name: string | undefined; signal: AbortSignal },
): Promise<Upload> {
  if (!(request.body instanceof Readable)) throw new HttpError('ERR_UNSUPPORTED_TYPE', 'The request has no body');
  try {
    return await spooled(request, request.body, { spool, name: clipName(name), signal });
  } finally {
    drain(request.raw);
  }
}

/**
 * The fields of a form, checked like any other input.
 * @throws HttpError ERR_BAD_REQUEST
 */
export function parseFields<S extends z.ZodType>(schema: S, fields: ReadonlyMap<string, string>): z.output<S> {
  const parsed = schema.safeParse(Object.fromEntries(fields));
  if (parsed.success) return parsed.data;
  throw new HttpError('ERR_BAD_REQUEST', `The form is not valid: ${issuesOf(parsed.error.issues)}`);
}

/** A client hears of an error only when it has sent all it wants to: the rest is read and thrown away. */
function drain(stream: Readable): void {
  if (stream.readableEnded || stream.destroyed) return;
  stream.unpipe();
  stream.resume();
}

/** What a client calls a clip, fit to be shown and to be told in errors: one line of at most 255 characters. */
function clipName(name: string | undefined): string {
  const line = (name ?? '').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').trim();
  const base = line.slice(Math.max(line.lastIndexOf('/'), line.lastIndexOf('\\')) + 1);
  return Array.from(base).slice(0, 255).join('') || 'recording';
}
