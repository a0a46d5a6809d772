import { repairRemedy } from '../../libtorch/locate.js';
import { CPU_SET, downloadBytes, LIBTORCH_VERSION } from '../../libtorch/pin.js';
import { REBUILD } from '../../native/linker-error.js';
import { formatBytes } from '../../shared/bytes.js';
import { remedyOf } from '../../shared/errors.js';
import { probeProblem } from '../crash.js';
import type { Facts } from '../facts.js';
import type { Finding } from '../finding.js';
import { formatMs } from '../text.js';
import { checkCache } from './cache.js';
import { isOtherLibtorch, libtorchFailure, loadFailure } from './load-failure.js';

type Advice = Required<Pick<Finding, 'kind' | 'remedy'>>;

/** Bytes of build/ while the addon is built. */
const BUILD_BYTES = 200e6;

export function checkLibtorch(facts: Facts): Finding {
  const { libtorch } = facts;
  const finding = { id: 'software.libtorch', title: 'libtorch' };
  const { value, problem } = libtorch;
  if (problem !== undefined) {
    const remedy = remedyOf(problem);
    return { ...finding, status: 'error', kind: 'unusable', detail: problem.what, remedy, data: { problem } };
  }
  if (value === undefined) {
    const detail = `${LIBTORCH_VERSION} was not found in the cache, by LIBTORCH, or in Python`;
    return { ...finding, status: 'error', detail, ...downloadAdvice(facts) };
  }
  const { version, root, source, cuda, cudaVersion } = value;
  const where = { LIBTORCH: 'named by LIBTORCH', cache: 'in the cache', python: "Python's torch" }[source];
  const data = { version, root, source, cuda, cudaVersion };
  const failure = libtorchFailure(facts);
  if (failure === undefined) {
    const variant = cuda ? `with CUDA ${cudaVersion ?? '(unknown version)'}` : 'without CUDA';
    return { ...finding, status: 'ok', detail: `${version} ${variant}, ${where}: ${root}`, data };
  }
  const reason = probeProblem(failure, facts)!;
  const old = reason.kind === 'old-system-libtorch';
  return {
    ...finding,
    status: 'error',
    kind: old ? 'old-system' : 'damaged',
    detail: `${version} ${where}: ${reason.what}`,
    remedy: old ? remedyOf(reason) : repairRemedy(value),
    data: { ...data, problem: reason },
  };
}

/** Returns the advice for a missing libtorch. An obstacle to downloading it with `setup` comes first. */
function downloadAdvice(facts: Facts): Advice {
  const { tools } = facts;
  const cache = checkCache(facts);
  if (cache?.status === 'error') return { kind: cache.kind!, remedy: cache.remedy! };
  if (tools !== undefined && !tools.mirror && !tools.pip) {
    const lacking = tools.python ? "python3's pip" : 'python3 with pip';
    return {
      kind: 'missing-tools',
      remedy: `Install ${lacking} (Debian, Ubuntu: apt-get install python3-pip), or set EMOTION2VEC_LIBTORCH_URL or LIBTORCH; then run \`npx emotion2vec setup\`.`,
    };
  }
  const remedy = `Run \`npx emotion2vec setup\`: it downloads ${formatBytes(downloadBytes(CPU_SET))}.`;
  return { kind: 'missing', remedy };
}

/** Checks whether the addon loads with libtorch, according to the probes. */
export function checkAddon(facts: Facts): Finding {
  const { path, current } = facts.addon;
  const finding = { id: 'software.addon', title: 'Addon', data: { path, current } };
  if (path === undefined) {
    const detail = 'not built, and there is no prebuilt binary for this system';
    return { ...finding, status: 'error', detail, ...buildAdvice(facts) };
  }
  if (isOtherLibtorch(facts)) {
    const detail = `${path} was built for libtorch ${facts.loader.report.libtorchVersion}, but this one is ${facts.libtorch.value!.version}`;
    return { ...finding, status: 'error', kind: 'other-libtorch', detail, remedy: REBUILD };
  }
  const failure = libtorchFailure(facts) === undefined ? loadFailure(facts) : undefined;
  if (failure !== undefined) {
    const problem = probeProblem(failure, facts)!;
    const { what, remedy = REBUILD } = problem;
    return {
      ...finding,
      status: 'error',
      kind: 'not-loading',
      detail: what,
      remedy,
      data: { ...finding.data, problem },
    };
  }
  if (current === false) {
    const detail = `${path} was built from other sources, or for another libtorch`;
    const remedy = 'Run `npx emotion2vec setup`, which builds it again in a few minutes.';
    return { ...finding, status: 'warning', kind: 'outdated', detail, remedy };
  }
  const loadMs = facts.recognitions[0]?.outcome.report.libtorchMs;
  if (loadMs === undefined) {
    return { ...finding, status: 'info', kind: 'not-tried', detail: `${path}; ${notTried(facts)}` };
  }
  return { ...finding, status: 'ok', detail: `loads with libtorch in ${formatMs(loadMs)}: ${path}` };
}

function notTried({ libtorch, recognitions }: Facts): string {
  if (libtorch.value === undefined) return 'not tried without libtorch';
  const outcome = recognitions[0]?.outcome;
  if (outcome?.end !== 'skipped') return 'not tried';
  const { code, what } = outcome.problem;
  return code === 'ERR_OUT_OF_MEMORY' ? 'not tried for lack of memory' : `not tried: ${what}`;
}

/** The tools that build the addon: their names, and their Debian packages. */
const TOOLS = [
  ['cmake', 'CMake 3.18 or newer', 'cmake'],
  ['compiler', 'g++ 10 or newer', 'g++'],
  ['make', 'make', 'make'],
] as const;

/** Returns the advice for a missing addon. */
function buildAdvice({ tools, addon: { folder } }: Facts): Advice {
  if (!folder.writable) {
    const remedy = `Run \`npx emotion2vec setup\` as the owner of ${folder.path}, which this user cannot write to.`;
    return { kind: 'not-writable', remedy };
  }
  if (folder.freeBytes !== null && folder.freeBytes < BUILD_BYTES) {
    const remedy = `Free ${formatBytes(BUILD_BYTES)} on the disk of ${folder.path}, then run \`npx emotion2vec setup\`.`;
    return { kind: 'disk-full', remedy };
  }
  const lacking = TOOLS.filter(([tool]) => tools?.[tool] === false);
  if (lacking.length > 0) {
    const names = lacking.map(([, name]) => name).join(' and ');
    const packages = lacking.map(([, , name]) => name).join(' ');
    const remedy = `Install ${names} (Debian, Ubuntu: apt-get install ${packages}), then run \`npx emotion2vec setup\`.`;
    return { kind: 'missing-tools', remedy };
  }
  return { kind: 'missing', remedy: 'Run `npx emotion2vec setup`, which takes a few minutes.' };
}

/** Checks ffmpeg. Recognition works without it. */
export function checkFfmpeg({ ffmpeg }: Facts): Finding {
  const finding = { id: 'software.ffmpeg', title: 'ffmpeg' };
  const { value, problem } = ffmpeg;
  if (problem !== undefined) {
    const remedy = remedyOf(problem);
    return { ...finding, status: 'warning', kind: 'not-found', detail: problem.what, remedy, data: { problem } };
  }
  if (value === undefined) {
    const detail = 'not installed; with it, more audio formats can be read';
    return { ...finding, status: 'info', kind: 'missing', detail };
  }
  const { path, version } = value;
  const detail = `${version || 'unknown version'}, for audio formats that are not built in: ${path}`;
  return { ...finding, status: 'ok', detail, data: { ...value } };
}
