import { Readable } from 'node:stream';

import { describeIssues } from '../options/parse.js';
import { EmotionError, hasCode, messageOf } from '../shared/errors.js';
import { shown } from '../shared/text.js';
import type {
  FastifyMultipartBaseOptions,
  FastifyReply,
  FastifyRequest,
  Multipart,
  MultipartFile,
} from '../vendor/server.js';
import type * as z from '../vendor/zod.js';
import { ClientGone } from './errors.js';
import type { Spool, Upload } from './spool.js';

/** Content types of a body, or of a part of a form, that may be a recording. */
const RECORDING =
  /^(audio\/[\w.+-]+|video\/(webm|mp4|ogg|quicktime|x-matroska|matroska)|application\/(octet-stream|ogg))$/i;

/** Maximum size and number of the fields of a form. */
const MAX_FIELD_BYTES = 1024;
const MAX_FIELDS = 32;
/** Interval of checks for new bytes of a request. */
const CHECK_MS = 1000;
/** Number of consecutive checks without new bytes after which a request has stalled, if it is complete or still arriving. */
const MAX_IDLE_CHECKS = { complete: 2, arriving: 60 };

export function isRecordingType(type: string | undefined): boolean {
  return RECORDING.test(type?.split(';')[0]?.trim() ?? '');
}

/** Returns a signal that is aborted if the client closes the connection before it has the answer. */
export function clientSignal(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort(new ClientGone());
  });
  return controller.signal;
}

/** A file of a form: an upload, or the error with which it was refused. */
export type FormFile =
  { name: string; upload: Upload; error?: undefined } | { name: string; upload?: undefined; error: EmotionError };

/**
 * Yields the files of a form as they arrive. Each is received before the next is read. `fields` is filled along the way.
 * @throws EmotionError ERR_BAD_REQUEST if the form itself is not valid
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
        if (part.valueTruncated) throw bad(`The field ${shown(part.fieldname)} is too long`);
        fields.set(part.fieldname, String(part.value));
        continue;
      }
      if (++files > maxFiles) {
        throw bad(`The form has more than ${maxFiles === 1 ? 'one file' : `${maxFiles} files`}`);
      }
      yield await receive(request, part, spool, signal);
    }
  } catch (error) {
    throw signal.aborted ? error : formError(error);
  } finally {
    drain(request.raw); // the rest of a form that is no longer read
  }
}

/** A part without a file name is a file if its content type is that of a recording. */
function isPartAFile(_field: string | undefined, type: string | undefined, filename: string | undefined): boolean {
  return filename !== undefined || isRecordingType(type);
}

/**
 * Yields the parts of a form. After a part that it skips, the parser may wait forever for one that cannot come.
 * @throws EmotionError ERR_BAD_REQUEST in that case; errors of the parser
 */
async function* partsOf(
  request: FastifyRequest,
  options: FastifyMultipartBaseOptions,
): AsyncGenerator<Multipart, void, undefined> {
  const parts = request.parts(options);
  for (;;) {
    const { stalled, stop } = watchForStall(request);
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

/** Returns a promise, `stalled`, that rejects when no byte of the request has arrived for a long time. */
function watchForStall(request: FastifyRequest): { stalled: Promise<never>; stop: () => void } {
  const what = 'The form cannot be read: it ends after a part that is not form data, or within a part';
  let stop = (): void => undefined;
  const stalled = new Promise<never>((_resolve, reject) => {
    stop = onStall(request, MAX_IDLE_CHECKS, () => reject(bad(what)));
  });
  return { stalled, stop };
}

/** Calls `stalled` after `max` consecutive checks without a new byte. Returns a function that stops the checks. */
function onStall({ raw }: FastifyRequest, max: typeof MAX_IDLE_CHECKS, stalled: () => void): () => void {
  let [bytes, checks] = [-1, 0];
  const timer = setInterval(() => {
    const { bytesRead } = raw.socket;
    checks = bytesRead === bytes ? checks + 1 : 0;
    bytes = bytesRead;
    if (checks >= (raw.complete ? max.complete : max.arriving)) stalled();
  }, CHECK_MS);
  return () => clearInterval(timer);
}

/** The error of an upload that has stalled. The rest of the request will not arrive either. */
class Stalled extends EmotionError {}

/**
 * Receives a recording while it arrives.
 * @throws Stalled; the errors of `Spool.receive`
 */
async function receiveFile(
  request: FastifyRequest,
  content: Readable,
  { spool, name, signal }: { spool: Spool; name: string; signal: AbortSignal },
): Promise<Upload> {
  const stalled = new AbortController();
  // A request that is complete may wait for a slow disk.
  const stop = onStall(request, { ...MAX_IDLE_CHECKS, complete: Infinity }, () => {
    stalled.abort(new Stalled('ERR_BAD_REQUEST', `No data of ${shown(name)} arrived for a minute`));
  });
  try {
    return await spool.receive(content, name, AbortSignal.any([signal, stalled.signal]));
  } finally {
    stop();
  }
}

/** Converts errors of the parser to errors of this package. */
function formError(error: unknown): unknown {
  const { code, statusCode } = error as { code?: string; statusCode?: number };
  if (code === 'FST_FIELDS_LIMIT') return bad(`The form has more than ${MAX_FIELDS} fields`);
  if (error instanceof EmotionError || statusCode !== undefined) return error;
  return bad(`The form cannot be read: ${shown(messageOf(error))}`, error);
}

function bad(what: string, cause?: unknown): EmotionError {
  return EmotionError.from({ code: 'ERR_BAD_REQUEST', what }, cause);
}

async function receive(
  request: FastifyRequest,
  { file, filename, mimetype }: MultipartFile,
  spool: Spool,
  signal: AbortSignal,
): Promise<FormFile> {
  const name = clipName(filename);
  if (!isRecordingType(mimetype)) {
    file.resume();
    const what = `${shown(name)} has the type ${shown(mimetype)}, which is not audio`;
    return { name, error: new EmotionError('ERR_UNSUPPORTED_TYPE', what) };
  }
  try {
    return { name, upload: await receiveFile(request, file, { spool, name, signal }) };
  } catch (error) {
    if (hasCode(error, 'ERR_UPLOAD_TOO_LARGE')) return { name, error };
    throw error; // of the connection or the disk: the next file would fail too
  }
}

/**
 * Receives a form with one recording.
 * @throws EmotionError ERR_BAD_REQUEST, ERR_UNSUPPORTED_TYPE, ERR_UPLOAD_TOO_LARGE
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
    if (found === undefined) throw bad('The form has no file');
    if (found.upload === undefined) throw found.error;
    return { upload: found.upload, fields: parseFields(schema, fields) };
  } catch (error) {
    await found?.upload?.remove();
    throw error;
  }
}

/**
 * Receives a body that is a recording.
 * @throws EmotionError ERR_UPLOAD_TOO_LARGE
 */
export async function bodyUpload(
  request: FastifyRequest,
  spool: Spool,
  { name, signal }: { name: string | undefined; signal: AbortSignal },
): Promise<Upload> {
  if (!(request.body instanceof Readable)) {
    throw new EmotionError('ERR_UNSUPPORTED_TYPE', 'The request has no body');
  }
  try {
    return await receiveFile(request, request.body, { spool, name: clipName(name), signal });
  } finally {
    drain(request.raw);
  }
}

/**
 * Validates the fields of a form.
 * @throws EmotionError ERR_BAD_REQUEST
 */
export function parseFields<S extends z.ZodType>(schema: S, fields: ReadonlyMap<string, string>): z.output<S> {
  const parsed = schema.safeParse(Object.fromEntries(fields), { reportInput: true });
  if (parsed.success) return parsed.data;
  throw bad(`The form is not valid: ${describeIssues(parsed.error)}`);
}

/** Reads and discards the rest of a request: many clients read the answer only after they have sent everything. */
function drain(stream: Readable): void {
  if (stream.readableEnded || stream.destroyed) return;
  stream.unpipe();
  stream.resume();
}

/** Returns the name of a clip without folders and control characters, at most 255 characters long. */
function clipName(name: string | undefined): string {
  const line = (name ?? '').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '').trim();
  const base = line.slice(Math.max(line.lastIndexOf('/'), line.lastIndexOf('\\')) + 1);
  return Array.from(base).slice(0, 255).join('') || 'recording';
}
