import { describeIssues, InvalidOptionsError } from '../options/parse.js';
import { entryOf } from '../shared/error-codes.js';
import { EmotionError, hasSystemCode, messageOf } from '../shared/errors.js';
import { shown } from '../shared/text.js';
import type { FastifyError, FastifyReply, FastifyRequest, FastifySchemaCompiler } from '../vendor/server.js';
import type * as z from '../vendor/zod.js';

/** Seconds after which a client may try again when the server was busy. */
const RETRY_AFTER = 1;

/** Names of the parts of a request in messages. */
const PART_NAMES: Record<string, string> = { querystring: 'query', params: 'path', headers: 'header' };

/** Validates a part of a request with its zod schema. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> =
  ({ schema, httpPart = 'body' }) =>
  (value: unknown) => {
    const parsed = schema.safeParse(value, { reportInput: true });
    if (parsed.success) return { value: parsed.data };
    const what = `The ${PART_NAMES[httpPart] ?? httpPart} is not valid: ${describeIssues(parsed.error)}`;
    return { error: new EmotionError('ERR_BAD_REQUEST', what) };
  };

/** Answers requests that no route matches. */
export function notFound({ method, url }: FastifyRequest): never {
  throw new EmotionError('ERR_NOT_FOUND', `There is no ${method} ${shown(url)}`);
}

/** Reason of a request that is aborted because its client closed the connection. It only appears in the log. */
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

/** Returns the answer to an error. An unexpected error is a 500 without details, which are in the log. */
export function answerTo(error: unknown): ErrorAnswer {
  if (error instanceof EmotionError) return answerOf(error);
  if (error instanceof ClientGone || hasSystemCode(error, 'ECONNRESET')) {
    return { status: 499, code: 'ERR_CLIENT_GONE', message: messageOf(error) }; // the status that nginx logs
  }
  if (error instanceof InvalidOptionsError) return answerOf(new EmotionError('ERR_BAD_REQUEST', error.message));
  if (isShortOfFiles(error)) return answerOf(new EmotionError('ERR_BUSY', 'The server has too many files open'));
  return (
    fromFastify(error as FastifyError) ?? {
      status: 500,
      code: 'ERR_INTERNAL',
      message: 'The server failed. Its log has the cause under this request id.',
    }
  );
}

function answerOf({ code, what, message }: EmotionError): ErrorAnswer {
  const { status = 500, serverRemedy } = entryOf(code);
  return {
    status,
    code,
    message: serverRemedy === undefined ? message : `${what}. ${serverRemedy}`,
    ...(status === 503 && { retryAfter: RETRY_AFTER }),
  };
}

/** Returns whether the process or the system has no file descriptors left, which may be temporary. */
export function isShortOfFiles(error: unknown): boolean {
  return hasSystemCode(error, 'EMFILE', 'ENFILE');
}

/** Returns the answer to an error of Fastify or its plugins; undefined if no client caused it. */
function fromFastify(error: FastifyError): ErrorAnswer | undefined {
  const { code, statusCode = 500 } = error;
  if (statusCode < 400 || statusCode >= 500) return undefined;
  const what = shown(messageOf(error));
  if (statusCode === 413) return answerOf(new EmotionError('ERR_UPLOAD_TOO_LARGE', what));
  if (statusCode === 415 || code === 'FST_INVALID_MULTIPART_CONTENT_TYPE') {
    return answerOf(new EmotionError('ERR_UNSUPPORTED_TYPE', 'The request has no body of a supported type'));
  }
  return { ...answerOf(new EmotionError('ERR_BAD_REQUEST', what)), status: statusCode };
}

export const errorBody = ({ code, message }: ErrorAnswer, requestId: string) => ({
  error: { code, message },
  requestId,
});

export function sendAnswer(reply: FastifyReply, answer: ErrorAnswer, body: Record<string, unknown>): FastifyReply {
  if (answer.retryAfter !== undefined) void reply.header('retry-after', answer.retryAfter);
  return reply.code(answer.status).type('application/json').send(body);
}
