import { compareVersions, EXPOSE_PROCESSOR, type Platform, platformProblem } from '../../native/platform.js';
import { remedyOf } from '../../shared/errors.js';
import type { Facts } from '../facts.js';
import type { Finding } from '../finding.js';
import { hasAvx2 } from '../fit.js';

/** A platform without problems. Each check replaces the properties that it examines. */
const SUITABLE: Platform = {
  os: 'linux',
  arch: 'x64',
  glibc: undefined,
  musl: false,
  processor: '',
  flags: new Set(),
};

export function checkNode({ node }: Facts): Finding {
  const finding = { id: 'system.node', title: 'Node.js', data: { ...node } };
  if (compareVersions(node.version, node.needed) >= 0) return { ...finding, status: 'ok', detail: node.version };
  const detail = `${node.version} is older than ${node.needed}, the oldest version that this package is tested with`;
  const remedy = `Install Node.js ${node.needed} or newer.`;
  return { ...finding, status: 'warning', kind: 'old-node', detail, remedy };
}

export function checkSystem({ system }: Facts): Finding {
  const { name, kernel, platform } = system;
  const { os, arch, musl } = platform;
  const data = { name, kernel, os, arch, musl };
  const finding = { id: 'system.os', title: 'System' };
  const problem = platformProblem({ ...SUITABLE, os, arch, musl });
  const detail = [name, `${os} ${arch}`, `kernel ${/^[\d.]+/.exec(kernel)?.[0].replace(/\.$/, '') ?? kernel}`]
    .filter(Boolean)
    .join(', ');
  if (problem === undefined) return { ...finding, status: 'ok', detail, data };
  return {
    ...finding,
    status: 'error',
    kind: 'platform',
    detail: `${problem.what} (${detail})`,
    remedy: remedyOf(problem),
    data: { ...data, problem },
  };
}

export function checkLibc({ system }: Facts): Finding | undefined {
  const { os, glibc, musl } = system.platform;
  if (os !== 'linux' || musl) return undefined; // checkSystem reports these
  const finding = { id: 'system.libc', title: 'C library' };
  if (glibc === undefined) {
    return { ...finding, status: 'info', kind: 'unknown-libc', detail: 'the version of glibc is not known', data: {} };
  }
  const problem = platformProblem({ ...SUITABLE, glibc });
  if (problem === undefined) return { ...finding, status: 'ok', detail: `glibc ${glibc}`, data: { glibc } };
  const remedy = remedyOf(problem);
  return { ...finding, status: 'error', kind: 'old-libc', detail: problem.what, remedy, data: { glibc, problem } };
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
  const extensions = EXTENSIONS.flatMap(([flag, name]) => (flags.has(flag) ? [name] : []));
  const data = { model: processor, extensions };
  const finding = { id: 'system.processor', title: 'Processor', data };
  const name = processor || 'unknown model';
  const problem = platformProblem({ ...SUITABLE, processor, flags });
  if (problem !== undefined) {
    const remedy = remedyOf(problem);
    return {
      ...finding,
      status: 'error',
      kind: 'old-processor',
      detail: problem.what,
      remedy,
      data: { ...data, problem },
    };
  }
  if (flags.size === 0) {
    const detail = `${name}; /proc/cpuinfo does not list its features`;
    return { ...finding, status: 'info', kind: 'unknown-processor', detail };
  }
  if (!hasAvx2(flags)) {
    const detail = `${name} has no AVX2: recognition takes several times as long, and int8 is not available`;
    return { ...finding, status: 'warning', kind: 'no-avx2', detail, remedy: EXPOSE_PROCESSOR };
  }
  return { ...finding, status: 'ok', detail: `${name} (${extensions.join(', ')})` };
}

export function checkEnvironment({ environment }: Facts): Finding | undefined {
  const set = Object.entries(environment);
  if (set.length === 0) return undefined;
  const detail = set.map(([name, value]) => `${name}=${value}`).join(', ');
  return { id: 'system.environment', title: 'Environment', status: 'info', detail, data: { ...environment } };
}
