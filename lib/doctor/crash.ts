import { explainLinker, findLinkerMessage, REBUILD } from '../native/linker-error.js';
import type { Problem } from '../shared/errors.js';
import type { Facts } from './facts.js';
import { isSmallest } from './fit.js';
import type { Outcome, Stage } from './probe/protocol.js';
import { STAGES } from './probe/stages.js';
import { formatMs } from './text.js';

type Surroundings = Pick<Facts, 'environment' | 'memory' | 'models'>;

/** With `ulimit -v`, Node, its WebAssembly and libtorch crash in many ways. */
const LIFT_ADDRESS_SPACE =
  'Lift the limit of the address space (ulimit -v unlimited): Node and libtorch reserve far more addresses than they use.';
/** Signals that a limit of the address space does not cause. */
const UNRELATED_TO_ADDRESS_SPACE = ['SIGBUS', 'SIGSYS', 'SIGXCPU'];

export const REPORT = 'Report it with the output of `emotion2vec doctor --json`.';

/** Returns why a probe has no complete report; undefined if it has one. */
export function probeProblem(outcome: Outcome<unknown>, facts: Surroundings): Problem | undefined {
  switch (outcome.end) {
    case 'done':
      return undefined;
    case 'skipped':
      return { ...outcome.problem, what: `not tried: ${outcome.problem.what}` };
    case 'failed':
      return withAddressSpace(outcome.problem, facts);
    case 'hung':
      return {
        code: 'ERR_TIMEOUT',
        what: `still ${STAGES[outcome.stage].doing} after ${formatMs(1000 * outcome.seconds)}, and was stopped`,
        remedy:
          'Try again when the machine and its disk are less busy. If it happens again, report it with the output of `emotion2vec doctor --json`.',
      };
    case 'crashed':
      return crashProblem(outcome, facts);
  }
}

function crashProblem(
  { stage, signal, status, stderr }: Extract<Outcome<unknown>, { end: 'crashed' }>,
  facts: Surroundings,
): Problem {
  const { doing, code } = STAGES[stage];
  if (signal !== null) return signalProblem(stage, signal, facts);
  const end = `exited with status ${status} ${doing}`;
  const linker = findLinkerMessage(stderr);
  if (linker !== undefined) {
    const problem = explainLinker('Node', linker);
    return withAddressSpace({ ...problem, what: `${end}: ${problem.what}`, remedy: problem.remedy ?? REBUILD }, facts);
  }
  const message = errorLine(stderr);
  return {
    code,
    what: message === undefined ? end : `${end}: ${message}`,
    remedy: REPORT,
    ...suspect(facts),
  };
}

function signalProblem(stage: Stage, signal: string, facts: Surroundings): Problem {
  const known = SIGNALS[signal];
  const killed = signal === 'SIGKILL';
  return {
    code: killed ? 'ERR_OUT_OF_MEMORY' : STAGES[stage].code,
    what: `crashed ${STAGES[stage].doing}: ${signal}${known === undefined ? '' : ` (${known.meaning})`}`,
    remedy:
      (killed ? moreMemory(facts) : known?.remedy) ??
      `${REBUILD} If it happens again, report it with the output of \`emotion2vec doctor --json\`.`,
    ...(UNRELATED_TO_ADDRESS_SPACE.includes(signal) ? preloaded(facts.environment) : suspect(facts)),
  };
}

/** Returns what to try first after any crash; undefined if there is nothing to try. */
function suspect(facts: Surroundings): Pick<Problem, 'kind' | 'remedy'> | undefined {
  if (isLimited(facts)) return { kind: 'address-space', remedy: LIFT_ADDRESS_SPACE };
  return preloaded(facts.environment);
}

/** Adds the remedy for a limited address space to a shortage of memory. */
function withAddressSpace(problem: Problem, facts: Surroundings): Problem {
  const shortage = problem.code === 'ERR_OUT_OF_MEMORY' || problem.kind === 'memory';
  if (!shortage || !isLimited(facts)) return problem;
  return { ...problem, kind: 'address-space', remedy: LIFT_ADDRESS_SPACE };
}

function isLimited({ memory }: Surroundings): boolean {
  return memory.addressSpaceBytes !== null;
}

function moreMemory({ models }: Surroundings): string {
  const more = 'Free memory, or raise the limit of the container';
  return isSmallest(models) ? `${more}.` : `${more}; or use a smaller model.`;
}

const SIGNALS: Readonly<Record<string, { meaning: string; remedy?: string }>> = {
  SIGILL: {
    meaning: 'an instruction that this processor does not have',
    remedy:
      "In a virtual machine, expose the host's processor (QEMU: -cpu host). Otherwise build the addon on this machine: remove prebuilds/ and build/Release and run `npx emotion2vec setup`.",
  },
  SIGSEGV: { meaning: 'an access to memory that it does not own' },
  SIGABRT: { meaning: 'it aborted itself', remedy: `The addon and libtorch may not fit each other. ${REBUILD}` },
  SIGBUS: {
    meaning: 'a file that became shorter, or a full disk',
    remedy: 'Check the disk, and that the files of libtorch, the addon and the model are complete.',
  },
  SIGKILL: { meaning: 'usually sent by the kernel when memory runs out' },
  SIGSYS: {
    meaning: 'a system call that is forbidden here',
    remedy:
      'Allow it in the sandbox. To check whether that is the reason: docker run --security-opt seccomp=unconfined.',
  },
  SIGXCPU: { meaning: 'the limit of processor time', remedy: 'Raise the limit (ulimit -t).' },
};

/** Suspects code that is loaded into every program. */
function preloaded({ LD_PRELOAD, NODE_OPTIONS }: Facts['environment']): Pick<Problem, 'remedy'> | undefined {
  if (LD_PRELOAD) return { remedy: `Try without LD_PRELOAD (${LD_PRELOAD}).` };
  if (NODE_OPTIONS !== undefined && /(^|\s)(-r|--require|--import)\b/.test(NODE_OPTIONS)) {
    return { remedy: `Try without NODE_OPTIONS (${NODE_OPTIONS}).` };
  }
  return undefined;
}

/** Returns the line of a stack trace that names the error, or else the last line. */
function errorLine(stderr: string): string | undefined {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '');
  const error = lines.find((line) => /^(\w*Error|Uncaught|FATAL ERROR|terminate called)\b/.test(line));
  return (error ?? lines.at(-1))?.trim().slice(0, 300);
}
