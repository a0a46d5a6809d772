import { explainLinker, REBUILD } from '../native/platform.js';
import type { Facts } from './facts.js';
import type { Problem } from './finding.js';
import { isSmallest } from './fit.js';
import type { Outcome, Stage } from './probe/protocol.js';
import { timeText } from './text.js';

/** What a probe was doing, to go on after "when it" or "while it". */
const DOING: Readonly<Record<Stage, string>> = {
  start: 'starting Node',
  loader: 'loading the addon',
  driver: "asking NVIDIA's driver",
  libtorch: 'loading libtorch and the addon',
  model: 'loading the model',
  clip: 'recognising a clip',
  exit: 'ending',
};

type Surroundings = Pick<Facts, 'environment' | 'memory' | 'models'>;

/** Where `ulimit -v` is set, Node, its WebAssembly and libtorch crash in many ways. */
export const LIFT_SPACE =
  'Lift the limit of the address space (ulimit -v unlimited): Node and libtorch reserve far more addresses than they use.';
/** That tell of something else. */
const NOT_OF_SPACE = ['SIGBUS', 'SIGSYS', 'SIGXCPU'];
const OUT_OF_MEMORY = /out of memory|memory ran out|allocat|ENOMEM|EAGAIN/i;

export const REPORT = 'Report it with what `emotion2vec doctor --json` prints.';

/** Why a probe has no whole report; undefined where it has. */
export function probeProblem(outcome: Outcome<unknown>, facts: Surroundings): Problem | undefined {
  switch (outcome.end) {
    case 'done':
      return undefined;
    case 'skipped':
      return { what: `not tried: ${outcome.why}` };
    case 'failed':
      return spaceRanOut(outcome.problem, facts) ? { ...outcome.problem, remedy: LIFT_SPACE } : outcome.problem;
    case 'hung':
      return {
        what: `still ${DOING[outcome.stage]} after ${timeText(1000 * outcome.seconds)}, and was ended`,
        remedy:
          'Try again when the machine and its disk have less to do; if it stays so, report it with `emotion2vec doctor --json`.',
      };
    case 'crashed':
      return crashProblem(outcome, facts);
  }
}

function crashProblem(
  { stage, signal, status, words }: Extract<Outcome<unknown>, { end: 'crashed' }>,
  facts: Surroundings,
): Problem {
  const suspect = isLimited(facts) ? LIFT_SPACE : preloaded(facts.environment);
  if (signal !== null) {
    const known = SIGNALS[signal];
    const what = `crashed ${DOING[stage]}: ${signal}${known === undefined ? '' : ` (${known.what})`}`;
    return {
      what,
      remedy:
        (NOT_OF_SPACE.includes(signal) ? preloaded(facts.environment) : suspect) ??
        (signal === 'SIGKILL' ? moreMemory(facts) : known?.remedy) ??
        `${REBUILD} If it stays so, report it with \`emotion2vec doctor --json\`.`,
    };
  }
  const linker = linkerWords(words);
  const end = `ended with status ${status} ${DOING[stage]}`;
  if (linker !== undefined) {
    const { code, what, remedy } = explainLinker('Node', linker);
    const problem = { code, what: `${end}: ${what}`, remedy: remedy ?? REBUILD };
    return spaceRanOut(problem, facts) ? { ...problem, remedy: LIFT_SPACE } : problem;
  }
  const last = lastWords(words);
  return {
    what: last === undefined ? end : `${end}: ${last}`,
    remedy: suspect ?? REPORT,
  };
}

function isLimited({ memory }: Surroundings): boolean {
  return memory.addressSpaceBytes !== null;
}

function spaceRanOut({ code, what }: Problem, facts: Surroundings): boolean {
  return isLimited(facts) && (code === 'ERR_OUT_OF_MEMORY' || OUT_OF_MEMORY.test(what));
}

function moreMemory({ models }: Surroundings): string {
  const more = 'Free memory, or raise the limit of the container';
  return isSmallest(models) ? `${more}.` : `${more}; or use a smaller model.`;
}

const SIGNALS: Readonly<Record<string, { what: string; remedy?: string }>> = {
  SIGILL: {
    what: 'an instruction that this processor does not have',
    remedy:
      'In a virtual machine, let it show the processor of its host (QEMU: -cpu host). Else build the addon here: remove prebuilds/ and build/Release and run `npx emotion2vec setup`.',
  },
  SIGSEGV: { what: 'it touched memory that is not its own' },
  SIGABRT: { what: 'it gave itself up', remedy: `The addon and libtorch may not fit each other. ${REBUILD}` },
  SIGBUS: {
    what: 'a file that is shorter than it was, or a full disk',
    remedy: 'Check the disk, and that the files of libtorch, the addon and the model are whole.',
  },
  SIGKILL: {
    what: 'most often the kernel, when memory runs out',
  },
  SIGSYS: {
    what: 'a system call that is forbidden here',
    remedy: 'Allow it in the sandbox (docker run --security-opt seccomp=unconfined tells whether it is that).',
  },
  SIGXCPU: { what: 'the limit of processor time', remedy: 'Raise it (ulimit -t).' },
};

/** What is loaded into every program is the first to suspect. */
function preloaded({ LD_PRELOAD, NODE_OPTIONS }: Facts['environment']): string | undefined {
  if (LD_PRELOAD) return `Try without LD_PRELOAD (${LD_PRELOAD}).`;
  if (NODE_OPTIONS !== undefined && /(^|\s)(-r|--require|--import)\b/.test(NODE_OPTIONS)) {
    return `Try without NODE_OPTIONS (${NODE_OPTIONS}).`;
  }
  return undefined;
}

/** What the dynamic linker wrote before it gave up: "node: error while loading shared libraries: x.so: cannot open ...". */
function linkerWords(words: string): string | undefined {
  const line = words
    .split('\n')
    .find((each) => /\.so[.\d]*: |symbol lookup error|version `[A-Z]+_[\d.]+' not found|ELF/.test(each));
  return line?.replace(/^.*(error while loading shared libraries|symbol lookup error): /, '').trim();
}

/** The line of a stack trace that tells the error, else the last one. */
function lastWords(words: string): string | undefined {
  const lines = words.split('\n').filter((line) => line.trim() !== '');
  const error = lines.find((line) => /^(\w*Error|Uncaught|FATAL ERROR|terminate called)\b/.test(line));
  return (error ?? lines.at(-1))?.trim().slice(0, 300);
}
