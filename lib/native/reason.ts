import { isErrorCode, messageOf, type Problem } from '../shared/errors.js';

/** Maximum length of the reason. */
const MAX_REASON = 300;

/** Matches the name of a Python exception, which follows TorchScript's traceback or begins a line. */
const EXCEPTION = /^(?:[\w.]*(?:Error|Exception)): /;

/** Remedies for the cases that the addon itself distinguishes by the property `kind` of its errors. */
const KIND_REMEDIES: ReadonlyMap<unknown, string> = new Map([
  ['damaged-archive', 'Download or copy the file again: it is incomplete, or has changed since it was written.'],
]);

/** Remedies for known reasons of libtorch. Other reasons get the default remedy of their code. */
const REMEDIES: readonly [RegExp, string][] = [
  [
    /from the '(\w+)' backend|(?:CUDA|cuda:\d+).*(?:not available|driver|no (?:kernel|device))|Torch not compiled with CUDA/,
    'The model was exported with a fixed device in its code: export it again on the CPU, and take devices from the inputs.',
  ],
  [
    /Unknown builtin op|Could not find any similar ops|Unknown type name|No such operator|__torch__\.torch\.classes/,
    'The model needs operators of another library, which are not part of libtorch: export it again without them.',
  ],
  [
    /Unsupported file format version|produced by a newer version|file format.*version.*(?:newer|higher)|max(?:imum)? supported version/i,
    'The model was exported with a newer PyTorch: export it again with one that this libtorch can read.',
  ],
];

/**
 * Explains an error of the addon. The addon sets its code, and its kind if the code has several cases, as properties of the error.
 * An error of libtorch has no code and occurred in a run. `what` is libtorch's reason alone, without tracebacks, lists of kernels
 * and quoted code.
 */
export function explainNative(error: Error): Problem {
  const { code, kind } = error as { code?: unknown; kind?: unknown };
  const remedy = KIND_REMEDIES.get(kind);
  return {
    code: isErrorCode(code) ? code : 'ERR_MODEL_RUN',
    ...explainLibtorch(messageOf(error)),
    ...(remedy !== undefined && { remedy }),
  };
}

/**
 * Finds the line of a message of libtorch that states the reason. TorchScript writes its traceback before the reason. Lists of
 * kernels, declarations and quoted code may follow it.
 */
export function explainLibtorch(message: string): Pick<Problem, 'what' | 'remedy'> {
  const lines = message.split('\n');
  const marker = lines.findLastIndex((line) => line.includes('~ <--- HERE'));
  const hasTraceback = lines.some((line) => line.startsWith('Traceback of TorchScript'));
  const rest = (hasTraceback ? lines.slice(marker + 1) : lines).filter((line) => line.trim() !== '');
  // Lines of code that continue after the marked one are indented.
  const found = hasTraceback
    ? (rest.find((text) => EXCEPTION.test(text)) ?? rest.find((text) => !/^\s/.test(text)))
    : rest[0];
  const line = (found ?? rest[0] ?? lines.find((text) => text.trim() !== '') ?? message).trim().replace(EXCEPTION, '');
  const remedy = REMEDIES.find(([pattern]) => pattern.test(line))?.[1];
  return { what: shortened(withoutAdvice(line)), ...(remedy !== undefined && { remedy }) };
}

/** Removes the sentences that give advice to libtorch's own developers and users. */
function withoutAdvice(line: string): string {
  const [first] = line.split(/\. (?=This (?:could|may|means)|Some of|Please |You |If |For |Did you|Consider |Use )/);
  return first!.replace(/\.$/, '');
}

function shortened(text: string): string {
  return text.length <= MAX_REASON ? text : `${text.slice(0, MAX_REASON - 3)}...`;
}
