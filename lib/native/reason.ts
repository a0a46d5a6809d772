/** What libtorch says, cut down to why. */

/** What is known of an error: the sentence that gives the cause, and what can be done about it where that is no advice for all. */
export interface Reason {
  what: string;
  remedy?: string;
}

const LONGEST = 300;

/** After TorchScript's traceback, or at the beginning of a line that a Python exception would be. */
const EXCEPTION = /^(?:[\w.]*(?:Error|Exception)): /;

const REMEDIES: readonly [RegExp, string][] = [
  [/^The archive is damaged/, 'Get the file again: it has changed since it was written, or did not arrive whole.'],
  [
    /from the '(\w+)' backend|(?:CUDA|cuda:\d+).*(?:not available|driver|no (?:kernel|device))|Torch not compiled with CUDA/,
    'The model was exported with a device fixed in its code: export it again on the CPU, and take devices from the inputs.',
  ],
  [
    /Unknown builtin op|Could not find any similar ops|Unknown type name|No such operator|__torch__\.torch\.classes/,
    'The model needs operators of another library, which are not part of libtorch: export it again without them.',
  ],
  [
    /Unsupported file format version|produced by a newer version|file format.*version.*(?:newer|higher)|max(?:imum)? supported version/i,
    'It was exported with a newer PyTorch: export it again with one that this libtorch can read.',
  ],
];

/**
 * The line that gives the cause. TorchScript puts its traceback first and the reason after it; what follows the reason are lists of
 * kernels, declarations and quoted code.
 */
export function reasonOf(message: string): Reason {
  const lines = message.split('\n');
  const traceback = lines.findLastIndex((line) => line.includes('~ <--- HERE'));
  const underTraceback = lines.some((line) => line.startsWith('Traceback of TorchScript'));
  const rest = (underTraceback ? lines.slice(traceback + 1) : lines).filter((line) => line.trim() !== '');
  // Code that goes on below the place is indented.
  const after = underTraceback
    ? (rest.find((text) => EXCEPTION.test(text)) ?? rest.find((text) => !/^\s/.test(text)))
    : rest[0];
  const line = (after ?? rest[0] ?? lines.find((text) => text.trim() !== '') ?? message).trim().replace(EXCEPTION, '');
  const remedy = REMEDIES.find(([words]) => words.test(line))?.[1];
  return { what: shortened(firstSentences(line)), ...(remedy !== undefined && { remedy }) };
}

/** libtorch goes on with advice to its own developers and users. */
function firstSentences(line: string): string {
  const [first] = line.split(/\. (?=This (?:could|may|means)|Some of|Please |You |If |For |Did you|Consider |Use )/);
  return first!.replace(/\.$/, '');
}

function shortened(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 3)}...`;
}
