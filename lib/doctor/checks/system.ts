import { formatBytes } from '../../shared/bytes.js';
import { compareVersions, type Platform, platformProblem, SHOW_PROCESSOR } from '../../native/platform.js';
import type { Facts, MemoryFacts, ProcessorFacts } from '../facts.js';
import type { Finding } from '../finding.js';
import { hasAvx2, isSmallest, smallerRemedy, triedNeeds } from '../fit.js';

const ANYWHERE: Omit<Platform, 'processor'> = {
  os: 'linux',
  arch: 'x64',
  glibc: undefined,
  musl: false,
  flags: new Set(),
};

export function checkNode({ node }: Facts): Finding {
  const finding = { id: 'system.node', title: 'Node.js', data: { ...node } };
  if (compareVersions(node.version, node.needed) >= 0) return { ...finding, status: 'ok', detail: node.version };
  const detail = `${node.version}, older than the ${node.needed} that this package is tested with`;
  return { ...finding, status: 'warning', detail, remedy: `Install Node.js ${node.needed} or newer.` };
}

export function checkSystem({ system }: Facts): Finding {
  const { name, kernel, platform } = system;
  const { os, arch, musl } = platform;
  const finding = { id: 'system.os', title: 'System', data: { name, kernel, os, arch, musl } };
  const problem = platformProblem({ ...ANYWHERE, processor: '', os, arch, musl });
  const detail = [name, `${os} ${arch}`, `kernel ${/^[\d.]+/.exec(kernel)?.[0].replace(/\.$/, '') ?? kernel}`]
    .filter(Boolean)
    .join(', ');
  if (problem === undefined) return { ...finding, status: 'ok', detail };
  return { ...finding, status: 'error', detail: `${problem.what} (${detail})`, remedy: problem.remedy };
}

export function checkLibc({ system }: Facts): Finding | undefined {
  const { os, glibc, musl } = system.platform;
  if (os !== 'linux' || musl) return undefined; // said already
  const finding = { id: 'system.libc', title: 'C library', data: { glibc } };
  if (glibc === undefined) return { ...finding, status: 'info', detail: 'Node does not tell which one it runs with' };
  const problem = platformProblem({ ...ANYWHERE, processor: '', glibc });
  if (problem === undefined) return { ...finding, status: 'ok', detail: `glibc ${glibc}` };
  return { ...finding, status: 'error', detail: problem.what, remedy: problem.remedy };
}

const EXTENSIONS: readonly [string, string][] = [
  ['avx2', 'AVX2'],
  ['avx512f', 'AVX-512'],
  ['avx512_vnni', 'VNNI'],
  ['avx512_bf16', 'BF16'],
  ['amx_int8', 'AMX'],
];

export function checkProcessor({ system }: Facts): Finding {
  const { processor, flags } = system.platform;
  const has = EXTENSIONS.flatMap(([flag, name]) => (flags.has(flag) ? [name] : []));
  const finding = { id: 'system.processor', title: 'Processor', data: { model: processor, extensions: has } };
  const name = processor || 'of unknown make';
  const problem = platformProblem({ ...ANYWHERE, processor: name, flags });
  if (problem !== undefined) return { ...finding, status: 'error', detail: problem.what, remedy: problem.remedy };
  if (flags.size === 0)
    return { ...finding, status: 'info', detail: `${name}; /proc/cpuinfo does not tell what it can` };
  if (!hasAvx2(flags)) {
    const detail = `${name} shows no AVX2: recognition takes several times as long, and there is no int8`;
    return { ...finding, status: 'warning', detail, remedy: SHOW_PROCESSOR };
  }
  return { ...finding, status: 'ok', detail: `${name} (${has.join(', ')})` };
}

export function checkCores({ processors }: Facts): Finding {
  const { total, usable, omp } = processors;
  const limits = coreLimits(processors);
  const finding = { id: 'system.cores', title: 'Cores', data: { ...processors } };
  const detail = `${usable} of ${total} usable${limits.length > 0 ? `: ${limits.join(', ')}` : ''}`;
  if (omp !== undefined && !/^\s*[1-9]\d*\s*(,|$)/.test(omp)) {
    const remedy = 'Set OMP_NUM_THREADS to a number, or unset it.';
    return { ...finding, status: 'warning', detail: `${detail}; OMP_NUM_THREADS="${omp}" is no number`, remedy };
  }
  return { ...finding, status: limits.length > 0 ? 'info' : 'ok', detail };
}

/** What keeps processors away. */
function coreLimits({ total, allowed, omp, usable }: ProcessorFacts): string[] {
  const threads = Number(/^\s*([1-9]\d*)/.exec(omp ?? '')?.[1] ?? Infinity);
  const limits: string[] = [];
  if (usable < Math.min(allowed, threads)) limits.push('a CPU quota (cgroup)');
  else if (usable === threads && threads < allowed) limits.push(`OMP_NUM_THREADS=${omp}`);
  else if (usable === allowed && allowed < total) limits.push('an affinity mask (taskset, cpuset)');
  return limits;
}

export function checkMemory({ memory, models, system, recognitions }: Facts): Finding {
  const { totalBytes, availableBytes, limitBytes } = memory;
  const finding = { id: 'system.memory', title: 'Memory', data: { ...memory } };
  const whole = limitBytes === null ? formatBytes(totalBytes) : `the ${formatBytes(limitBytes)} of its cgroup`;
  const detail = `${formatBytes(availableBytes)} of ${whole} available${spaceText(memory)}`;
  const chosen = models.find((model) => model.chosen);
  const needs = chosen && triedNeeds(chosen, system.platform.flags);
  if (needs !== undefined && needs > availableBytes) {
    const ran = recognitions[0]?.outcome.report.scores !== undefined; // a short clip
    const most = ran ? `up to ${formatBytes(needs)} for long clips` : `about ${formatBytes(needs)}`;
    const scarce = `${detail}; with ${chosen!.name} a process takes ${most}`;
    const more =
      limitBytes !== null && needs > limitBytes
        ? `Give the container ${formatBytes(needs)} or more (docker run --memory).`
        : 'End what else takes memory.';
    const smaller =
      smallerRemedy(chosen!, availableBytes) ?? (isSmallest(models) ? undefined : 'Or use a smaller model.');
    const remedy = smaller === undefined ? more : `${more} ${smaller}`;
    return { ...finding, status: ran ? 'warning' : 'error', detail: scarce, remedy };
  }
  if (memory.addressSpaceBytes !== null) {
    const remedy =
      'Lift the limit (ulimit -v unlimited), or limit memory by a cgroup: Node and libtorch reserve far more addresses than they use.';
    return { ...finding, status: 'warning', detail, remedy };
  }
  return { ...finding, status: 'ok', detail };
}

function spaceText({ addressSpaceBytes }: MemoryFacts): string {
  return addressSpaceBytes === null ? '' : `, addresses limited to ${formatBytes(addressSpaceBytes)} (ulimit -v)`;
}

export function checkEnvironment({ environment }: Facts): Finding | undefined {
  const set = Object.entries(environment);
  if (set.length === 0) return undefined;
  const detail = set.map(([name, value]) => `${name}=${value}`).join(', ');
  return { id: 'system.environment', title: 'Environment', status: 'info', detail, data: { ...environment } };
}
