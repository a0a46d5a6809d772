/** The remedy for an error, and the answer of the server. */
interface Entry {
  /** The default remedy, for users of the library and of the command line. */
  remedy: string;
  /** HTTP status of the server's answer. Default 500: the server is at fault. */
  status?: number;
  /** The remedy for clients of the server, if the default remedy does not help them. */
  serverRemedy?: string;
}

/** All errors that the package throws on purpose. docs/reference/errors.md lists them too. */
export const ERROR_CODES = {
  ERR_AUDIO_DECODE: {
    remedy: 'Check that the file plays. docs/reference/audio-formats.md lists the formats that can be read.',
    status: 422,
  },
  ERR_DECODER_UNAVAILABLE: {
    remedy:
      "Install ffmpeg (Debian and Ubuntu: apt-get install ffmpeg), set EMOTION2VEC_FFMPEG to its path, or use decoder 'auto'.",
    status: 503,
  },
  ERR_AUDIO_TOO_SHORT: { remedy: 'Use a longer clip.', status: 422 },
  ERR_AUDIO_TOO_LONG: {
    remedy: 'Use a shorter recording, or raise maxDuration.',
    status: 413,
    serverRemedy: 'Send a shorter recording, or start the server with a larger --max-duration (maxDuration).',
  },
  ERR_AUDIO_NOT_FINITE: { remedy: 'Replace NaN and infinite samples, or export the recording again.', status: 422 },
  ERR_FILE_NOT_FOUND: { remedy: 'Check the path.' },
  ERR_FILE_READ: { remedy: 'Check that the path names a file that can be read.' },
  ERR_FILE_WRITE: {
    remedy: 'Check that the folder is writable and that the disk is not full.',
    status: 507,
    serverRemedy: 'The disk of the server may be full. Its log has the cause.',
  },
  ERR_MODEL_NOT_FOUND: {
    remedy: 'Run `emotion2vec models` to list the built-in models, or use the path of a .pt archive.',
  },
  ERR_MODEL_LOAD: { remedy: 'Use a TorchScript archive (.pt) as torch.jit.save writes it.' },
  ERR_CHECKPOINT: {
    remedy: 'Use the model.pt of an emotion2vec+ model as FunASR publishes it, with its tokens.txt in the same folder.',
  },
  ERR_LABELS: {
    remedy:
      'Use a CSV file with a header row, a column that names the clip and a column that holds its emotion (docs/guide/evaluation.md).',
  },
  ERR_MODEL_RUN: { remedy: 'Check that the inputs match the signature of the method.' },
  ERR_LIBTORCH_MISSING: {
    remedy: 'Run `npx emotion2vec setup`, or set LIBTORCH to a libtorch directory.',
    status: 503,
  },
  ERR_LIBTORCH_DOWNLOAD: {
    remedy: 'Check the network and the free disk space, and run `npx emotion2vec setup` again.',
  },
  ERR_ADDON_MISSING: {
    remedy: 'Run `npx emotion2vec setup`. If no prebuilt binary fits, it needs CMake and a C++20 compiler.',
    status: 503,
  },
  ERR_ADDON_BUILD: {
    remedy:
      'Install CMake 3.18 or newer and a C++20 compiler (g++ 10 or newer), then run `npx emotion2vec setup` again.',
  },
  ERR_PLATFORM: { remedy: 'Use Linux on x64 with glibc.' },
  ERR_DEVICE_UNAVAILABLE: { remedy: "Use device 'cpu' or 'auto'.", status: 503 },
  ERR_PRECISION_UNSUPPORTED: { remedy: "Use precision 'auto', or an archive in another precision." },
  ERR_QUANTIZE: { remedy: 'Quantize an archive that has float32 linear layers and was not quantized before.' },
  ERR_OUT_OF_MEMORY: {
    remedy: 'Use shorter clips or a smaller precision, or allow or free more memory.',
    status: 503,
  },
  ERR_QUEUE_FULL: {
    remedy: 'Wait for requests under way to finish, or raise maxQueue.',
    status: 503,
    serverRemedy: 'Try again in a moment.',
  },
  ERR_TIMEOUT: {
    remedy: 'Raise timeoutMs, or send fewer clips at once.',
    status: 504,
    serverRemedy: 'Send fewer clips at once, or start the server with a larger --timeout (timeoutMs).',
  },
  ERR_LISTEN: { remedy: 'Choose another --port or --host.' },
  ERR_CLOSED: {
    remedy: 'Create a new one.',
    status: 503,
    serverRemedy: 'The server is shutting down. Try another server, or try again once it is back.',
  },
  // Errors of HTTP requests.
  ERR_BAD_REQUEST: { remedy: 'See /docs, or docs/reference/http.md.', status: 400 },
  ERR_UNAUTHORIZED: { remedy: 'Send the header "Authorization: Bearer TOKEN".', status: 401 },
  ERR_FORBIDDEN: {
    remedy: 'Start the server with --host, or with --trust-proxy if it runs behind your own proxy.',
    status: 403,
  },
  ERR_NOT_FOUND: { remedy: 'See /docs, or docs/reference/http.md, for the routes.', status: 404 },
  ERR_RESULT_NOT_FOUND: {
    remedy: 'The result was deleted, or it is older than the server keeps results.',
    status: 404,
  },
  ERR_UPLOAD_TOO_LARGE: {
    remedy:
      'Send a smaller file, for example MP3 or Opus, or start the server with a larger --max-upload (maxUploadBytes).',
    status: 413,
  },
  ERR_UNSUPPORTED_TYPE: {
    remedy: 'Send multipart/form-data with the field "file", or the bytes of the file with a Content-Type of audio/*.',
    status: 415,
  },
  ERR_RATE_LIMITED: { remedy: 'Wait for the time that Retry-After states.', status: 429 },
  ERR_BUSY: { remedy: 'Try again in a moment.', status: 503 },
} as const satisfies Record<string, Entry>;

/** The stable code of an error. */
export type ErrorCode = keyof typeof ERROR_CODES;

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERROR_CODES, code);
}

/** Returns the entry of a code, with the same type for all codes. */
export function entryOf(code: ErrorCode): Entry {
  return ERROR_CODES[code];
}
