'use strict';
/** The meaning of each error code, for docs/reference/errors.md. A code without an entry here fails test/docs/reference.test.ts. */
const GROUPS = {
  Recordings: {
    ERR_AUDIO_DECODE: 'The input is not audio in a known format, or it is damaged or encrypted.',
    ERR_DECODER_UNAVAILABLE: '`decoder: "ffmpeg"` was requested and ffmpeg was not found.',
    ERR_AUDIO_TOO_SHORT: 'The clip is shorter than the model needs.',
    ERR_AUDIO_TOO_LONG:
      'The clip is longer than `maxDuration`, has more bytes than `maxBytes`, or would unpack to an implausible length.',
    ERR_AUDIO_NOT_FINITE: 'A sample is NaN or infinite.',
    ERR_FILE_NOT_FOUND: 'There is no file at that path.',
    ERR_FILE_READ: 'The file exists and cannot be read.',
    ERR_FILE_WRITE: 'A file cannot be written.',
  },
  Models: {
    ERR_MODEL_NOT_FOUND: 'The name is neither a built-in model nor the path of a file.',
    ERR_MODEL_LOAD: 'The file is not a TorchScript archive, is damaged, or is not an emotion model.',
    ERR_MODEL_RUN: 'The model failed while it ran. The message carries the message of libtorch.',
    ERR_CHECKPOINT: 'The checkpoint cannot be imported.',
    ERR_QUANTIZE: 'The archive has nothing that can be quantized.',
    ERR_PRECISION_UNSUPPORTED: 'The processor, the device or the archive does not support that precision.',
    ERR_LABELS: 'The labels file of `emotion2vec evaluate` cannot be used.',
  },
  'Requests under way': {
    ERR_QUEUE_FULL: '`maxQueue` requests are under way already.',
    ERR_TIMEOUT: 'The request took longer than `timeoutMs`.',
    ERR_CLOSED: 'The recognizer or module was closed.',
    ERR_OUT_OF_MEMORY: 'The model or the run does not fit into memory or into `memoryBudgetBytes`.',
    ERR_DEVICE_UNAVAILABLE: 'The requested CUDA device cannot be used. The message gives the reason.',
  },
  Installation: {
    ERR_PLATFORM: 'libtorch or the addon does not run on this system.',
    ERR_LIBTORCH_MISSING: 'libtorch was not found, or the libtorch that was found cannot be used.',
    ERR_LIBTORCH_DOWNLOAD: 'libtorch could not be downloaded.',
    ERR_ADDON_MISSING: 'The native addon was not found, or it does not fit the installed libtorch.',
    ERR_ADDON_BUILD: 'The native addon did not build.',
  },
  'The HTTP server': {
    ERR_LISTEN: 'The server cannot listen on that address and port.',
    ERR_BAD_REQUEST: 'The request is not valid.',
    ERR_UNAUTHORIZED: 'The token is missing or wrong.',
    ERR_FORBIDDEN: 'The request was made under the name of another machine, or by a page of another site.',
    ERR_NOT_FOUND: 'There is no such route.',
    ERR_RESULT_NOT_FOUND: 'There is no result with that id.',
    ERR_UPLOAD_TOO_LARGE: 'The upload is larger than the server accepts.',
    ERR_UNSUPPORTED_TYPE: 'The body is neither a form nor audio.',
    ERR_RATE_LIMITED: 'The address has sent too many requests or wrong tokens.',
    ERR_BUSY: 'The server is overloaded.',
  },
};

const INTRODUCTION = `# Errors

<!-- Written by \`npm run docs:errors\` from lib/shared/error-codes.ts. Do not edit. -->

The package rejects with an \`EmotionError\`. Its \`code\` is stable and meant for programs. Its \`message\` says what happened and
then what to do, and \`what\` and \`remedy\` hold the two parts. \`cause\` is the underlying error, where there is one. Wrong arguments
and options are a \`TypeError\` with the code \`ERR_INVALID_OPTIONS\`, or without a code for arguments that are not options.

The remedies below are the usual ones. An error may carry a more specific remedy. The status is that of the
[HTTP server](http.md#errors); codes without one are answered with 500. [Troubleshooting](../guide/troubleshooting.md) lists
the messages.
`;

/**
 * Returns the text of docs/reference/errors.md.
 * @param {Record<string, { remedy: string, status?: number, serverRemedy?: string }>} codes ERROR_CODES
 * @throws Error where GROUPS lacks a code or has one that does not exist
 */
function errorsPage(codes) {
  const described = Object.values(GROUPS).flatMap((group) => Object.keys(group));
  const missing = Object.keys(codes).filter((code) => !described.includes(code));
  const stale = described.filter((code) => !Object.hasOwn(codes, code));
  if (missing.length + stale.length > 0) {
    throw new Error(`scripts/docs/errors-page.js lacks ${missing.join(', ')} or has stale ${stale.join(', ')}`);
  }
  const sections = Object.entries(GROUPS).map(([title, meanings]) => {
    const rows = Object.entries(meanings).map(([code, meaning]) => {
      const { remedy, status, serverRemedy } = codes[code];
      const server = serverRemedy === undefined ? '' : ` Over HTTP: ${serverRemedy}`;
      return `| \`${code}\` | ${status ?? ''} | ${cell(meaning)} | ${cell(remedy + server)} |`;
    });
    return ['', `## ${title}`, '', '| code | status | what happened | remedy |', '|---|---|---|---|', ...rows, ''].join(
      '\n',
    );
  });
  return INTRODUCTION + sections.join('');
}

function cell(text) {
  return text
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;')
    .replace(/\bdocs\/([\w/-]+\.md)/g, '[docs/$1](../$1)');
}

module.exports = { errorsPage };
