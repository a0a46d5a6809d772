import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';

import { EmotionError, type ErrorCode, messageOf } from '../shared/errors.js';

/** Seconds after which a client that found the server busy may try again. */
const RETRY_AFTER = 1;

/** Errors of the library that are the client's, or that he can wait for. All others are ours: 500. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  ERR_AUDIO_DECODE: 422,
  ERR_AUDIO_TOO_SHORT: 422,
  ERR_AUDIO_NOT_FINITE: 422,
  ERR_AUDIO_TOO_LONG: 413,
  ERR_QUEUE_FULL: 503,
  ERR_CLOSED: 503,
  ERR_OUT_OF_MEMORY: 503,
  ERR_LIBTORCH_MISSING: 503,
  ERR_ADDON_MISSING: 503,
  ERR_DEVICE_UNAVAILABLE: 503,
  ERR_DECODER_UNAVAILABLE: 503,
  ERR_TIMEOUT: 504,
  ERR_FILE_WRITE: 507,
};

/** What a person who talks to the server can do, where the library's advice is for programs. */
const REMEDIES: Partial<Record<ErrorCode, string>> = {
  ERR_AUDIO_TOO_LONG: 'Send a shorter recording, or start the server with a larger --max-duration (maxDuration).',
  ERR_QUEUE_FULL: 'Try again in a moment.',
  ERR_TIMEOUT: 'Send fewer clips at once, or start the server with a larger --timeout (timeoutMs).',
  ERR_FILE_WRITE: 'The disk of the server may be full; its log says more.',
  ERR_CLOSED: 'The server is shutting down: try another one, or again when it is back.',
};

/** Errors that only HTTP has. */
const HTTP_ERRORS = {
  ERR_BAD_REQUEST: { status: 400, remedy: 'See /docs, or docs/server.md.' },
  ERR_UNAUTHORIZED: { status: 401, remedy: 'Send the header "Authorization: Bearer TOKEN".' },
  ERR_FORBIDDEN: { status: 403, remedy: 'Start it with --host, or with --trust-proxy behind a proxy of yours.' },
  ERR_NOT_FOUND: { status: 404, remedy: 'See /docs, or docs/server.md, for what there is.' },
  ERR_RESULT_NOT_FOUND: { status: 404, remedy: 'It was deleted, or it is older than the server keeps results.' },
  ERR_UPLOAD_TOO_LARGE: {
    status: 413,
    remedy: 'Send a smaller file, an MP3 or Opus say, or start the server with a larger --max-upload (maxUploadBytes).',
  },
  ERR_UNSUPPORTED_TYPE: {
    status: 415,
    remedy: 'Send multipart/form-data with the field "file", or the bytes themselves with a Content-Type of audio/*.',
  },
  ERR_RATE_LIMITED: { status: 429, remedy: 'Wait as long as Retry-After says.' },
  ERR_BUSY: { status: 503, remedy: 'Try again in a moment.' },
} as const;
export type HttpErrorCode = keyof typeof HTTP_ERRORS;

/** An error that only HTTP has, made like EmotionError: a stable code, and a message that ends with a remedy. */
export class HttpError extends Error {
  readonly code: HttpErrorCode;
  readonly statusCode: number;

  constructor(code: HttpErrorCode, what: string, options: { cause?: unknown; remedy?: string } = {}) {
    super(`${what}. ${options.remedy ?? HTTP_ERRORS[code].remedy}`, 'cause' in options ? { cause: options.cause } : {});
    this.name = 'HttpError';
    this.code = code;
    this.statusCode = HTTP_ERRORS[code].status;
  }
}

/** Of what a client sent, as much as an error may repeat. */
const MOST_REPEATED = 200;
/** Of what is wrong with a request, as much as an error names. */
const MOST_PROBLEMS = 5;

export function shortened(text: string, most = MOST_REPEATED): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}\u2026`;
}

/** What is wrong with an input, and where, in one line. */
export function problemsOf(problems: readonly { path: string; message?: string | undefined }[]): string {
  const named = problems.slice(0, MOST_PROBLEMS).map(({ path, message = 'it is not valid' }) => {
    return [shortened(path), shortened(message)].filter(Boolean).join(': ');
  });
  if (problems.length > named.length) named.push(`and ${problems.length - named.length} more`);
  return named.join('; ');
}

/** The same of a schema's issues. */
export function issuesOf(issues: readonly { path: readonly PropertyKey[]; message: string }[]): string {
  return problemsOf(issues.map(({ path, message }) => ({ path: path.join('.'), message })));
}

/** Answers what there is no route for. */
export function notFound({ method, url }: FastifyRequest): never {
  throw new HttpError('ERR_NOT_FOUND', `There is no ${method} ${shortened(url)}`);
}

/** Parts of a request, as people call them. */
const PLACES = { querystring: 'query', params: 'path', headers: 'header', body: 'body' };

/** Nobody is left to hear of it; for the log. */
export class ClientGone extends Error {
  constructor() {
    super('The client closed the connection');
    this.name = 'ClientGone';
  }
}

export interface ErrorAnswer {
  status: number;
  code: string;
  message: string;
  retryAfter?: number;
}

/** What a client hears of an error. What it was not made to hear is a 500 without particulars: those are in the log. */
export function answerTo(error: unknown): ErrorAnswer {
  if (error instanceof HttpError) return withRetry(error.statusCode, error.code, error.message);
  if (error instanceof EmotionError) {
    const { code } = error;
    const remedy = REMEDIES[code];
    return withRetry(STATUS[code] ?? 500, code, remedy === undefined ? error.message : `${error.what}. ${remedy}`);
  }
  if (error instanceof ClientGone || (error as NodeJS.ErrnoException).code === 'ECONNRESET') {
    return { status: 499, code: 'ERR_CLIENT_GONE', message: messageOf(error) }; // as nginx logs it
  }
  if (hasZodFastifySchemaValidationErrors(error)) {
    const problems = problemsOf(
      error.validation.map(({ instancePath, message }) => {
        return { path: instancePath.replace(/^\//, '').replaceAll('/', '.'), message };
      }),
    );
    const where = PLACES[error.validationContext ?? 'body'];
    return answerTo(new HttpError('ERR_BAD_REQUEST', `The ${where} is not valid: ${problems}`));
  }
  if (error instanceof TypeError && error.message.startsWith('Invalid options: ')) {
    return answerTo(new HttpError('ERR_BAD_REQUEST', error.message));
  }
  if (isShortOfFiles(error)) return answerTo(new HttpError('ERR_BUSY', 'The server has too many files open'));
  const known = fromFastify(error as FastifyError);
  if (known?.code === 'ERR_BAD_REQUEST') return { ...answerTo(known), status: (error as FastifyError).statusCode! };
  return known === undefined
    ? {
        status: 500,
        code: 'ERR_INTERNAL',
        message: 'Something went wrong here. The log says what, under this request id.',
      }
    : answerTo(known);
}

/** Whether the system has no more files to open just now. */
export function isShortOfFiles(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EMFILE' || code === 'ENFILE';
}

/** Fastify's own errors, and its plugins', in our words; undefined for what is no client's fault. */
function fromFastify(error: FastifyError): HttpError | undefined {
  const { code, statusCode = 500 } = error;
  if (statusCode < 400 || statusCode >= 500) return undefined;
  const what = shortened(messageOf(error).replace(/\.$/, ''));
  if (statusCode === 413) return new HttpError('ERR_UPLOAD_TOO_LARGE', what, { cause: error });
  if (statusCode === 415 || code === 'FST_INVALID_MULTIPART_CONTENT_TYPE') {
    const type = 'The request has no body of a type that is read here';
    return new HttpError('ERR_UNSUPPORTED_TYPE', type, { cause: error });
  }
  return new HttpError('ERR_BAD_REQUEST', what, { cause: error });
}

function withRetry(status: number, code: string, message: string): ErrorAnswer {
  return { status, code, message, ...(status === 503 && { retryAfter: RETRY_AFTER }) };
}

/** How an error is worded: `{ error: { code, message }, requestId }`, unless a protocol has its own way. */
export type ErrorBody = (answer: ErrorAnswer, requestId: string) => Record<string, unknown>;

export const errorBody = ({ code, message }: ErrorAnswer, requestId: string) => ({
  error: { code, message },
  requestId,
});

export function sendAnswer(reply: FastifyReply, answer: ErrorAnswer, body: Record<string, unknown>): FastifyReply {
  if (answer.retryAfter !== undefined) void reply.header('retry-after', answer.retryAfter);
  return reply.code(answer.status).type('application/json').send(body);
}
