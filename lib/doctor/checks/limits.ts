/** Checks how many processors and how much memory recognition may use. */
import { formatBytes } from '../../shared/bytes.js';
import type { Facts, MemoryFacts, ProcessorFacts } from '../facts.js';
import type { Finding } from '../finding.js';
import { defaultNeeds, isSmallest, quantizeRemedy } from '../fit.js';

export function checkCores({ processors }: Facts): Finding {
  const { total, usable, omp } = processors;
  const limit = coreLimit(processors);
  const finding = { id: 'system.cores', title: 'Cores', data: { ...processors } };
  const detail = `${usable} of ${total} usable${limit === undefined ? '' : `: ${limit.name}`}`;
  if (omp !== undefined && !/^\s*[1-9]\d*\s*(,|$)/.test(omp)) {
    return {
      ...finding,
      status: 'warning',
      kind: 'invalid-omp-num-threads',
      detail: `${detail}; OMP_NUM_THREADS="${omp}" is not a number`,
      remedy: 'Set OMP_NUM_THREADS to a number, or unset it.',
    };
  }
  if (limit === undefined) return { ...finding, status: 'ok', detail };
  return { ...finding, status: 'info', kind: limit.kind, detail };
}

/** Returns what limits the number of processors; undefined if all are usable. */
function coreLimit({ total, allowed, omp, usable }: ProcessorFacts) {
  const threads = Number(/^\s*([1-9]\d*)/.exec(omp ?? '')?.[1] ?? Infinity);
  if (usable < Math.min(allowed, threads)) return { kind: 'quota', name: 'a CPU quota (cgroup)' } as const;
  if (usable === threads && threads < allowed) {
    return { kind: 'omp-num-threads', name: `OMP_NUM_THREADS=${omp}` } as const;
  }
  if (usable === allowed && allowed < total) {
    return { kind: 'affinity', name: 'an affinity mask (taskset, cpuset)' } as const;
  }
  return undefined;
}

export function checkMemory({ memory, models, system, recognitions }: Facts): Finding {
  const { totalBytes, availableBytes, limitBytes } = memory;
  const finding = { id: 'system.memory', title: 'Memory', data: { ...memory } };
  const total = limitBytes === null ? formatBytes(totalBytes) : `the ${formatBytes(limitBytes)} of its cgroup`;
  const detail = `${formatBytes(availableBytes)} of ${total} available${addressSpaceText(memory)}`;
  const chosen = models.find((model) => model.chosen);
  const needs = chosen && defaultNeeds(chosen, system.platform.flags);
  if (needs !== undefined && needs > availableBytes) {
    const ran = recognitions[0]?.outcome.report.scores !== undefined; // a short clip
    const needed = ran ? `up to ${formatBytes(needs)} for long clips` : `about ${formatBytes(needs)}`;
    const limited = limitBytes !== null && needs > limitBytes;
    const more = limited
      ? `Give the container ${formatBytes(needs)} or more (docker run --memory).`
      : 'End other programs that use memory.';
    const smaller =
      quantizeRemedy(chosen!, availableBytes) ?? (isSmallest(models) ? undefined : 'Or use a smaller model.');
    return {
      ...finding,
      status: ran ? 'warning' : 'error',
      kind: limited ? 'container-too-small' : 'memory-in-use',
      detail: `${detail}; with ${chosen!.name} a process needs ${needed}`,
      remedy: smaller === undefined ? more : `${more} ${smaller}`,
      data: { ...memory, needsBytes: needs },
    };
  }
  if (memory.addressSpaceBytes !== null) {
    const remedy =
      'Lift the limit (ulimit -v unlimited), or limit memory with a cgroup instead: Node and libtorch reserve far more addresses than they use.';
    return { ...finding, status: 'warning', kind: 'address-space', detail, remedy };
  }
  return { ...finding, status: 'ok', detail };
}

function addressSpaceText({ addressSpaceBytes }: MemoryFacts): string {
  return addressSpaceBytes === null ? '' : `, address space limited to ${formatBytes(addressSpaceBytes)} (ulimit -v)`;
}
