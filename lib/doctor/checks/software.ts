import { formatBytes } from '../../shared/bytes.js';
import { mendRemedy } from '../../libtorch/locate.js';
import { CPU_SET, downloadBytes, fetchSpace, LIBTORCH_VERSION } from '../../libtorch/pin.js';
import { REBUILD } from '../../native/platform.js';
import type { Facts, ToolFacts } from '../facts.js';
import { probeProblem } from '../crash.js';
import type { Finding, Problem } from '../finding.js';
import { NO_MEMORY, type Outcome, type Stage } from '../probe/protocol.js';
import { timeText } from '../text.js';

const SETUP = 'Run `npx emotion2vec setup`.';

/** Of build/, as it is built. */
const BUILD_BYTES = 200e6;

/** Whether libtorch could be fetched: it only matters where there is none. */
export function checkCache({ cache, libtorch }: Facts): Finding | undefined {
  const finding = { id: 'software.cache', title: 'Cache', data: { ...cache } };
  if (cache === undefined) {
    if (libtorch.value !== undefined) return undefined;
    const remedy = 'Set HOME, or EMOTION2VEC_CACHE to a folder that can be written.';
    return { ...finding, status: 'error', detail: 'this user has no home folder, and libtorch is to go there', remedy };
  }
  const { path, exists, blocked, writable, freeBytes } = cache;
  if (blocked) {
    const remedy = 'Set EMOTION2VEC_CACHE to a folder, or unset it.';
    const status = libtorch.value === undefined ? 'error' : 'warning';
    return { ...finding, status, detail: `${path} ${exists ? 'is' : 'would lie in what is'} not a folder`, remedy };
  }
  if (libtorch.value !== undefined || libtorch.problem !== undefined) {
    return exists ? { ...finding, status: 'ok', detail: `${path}${freeText(freeBytes)}` } : undefined;
  }
  if (!writable) {
    const remedy = `Make ${path} writable, or set EMOTION2VEC_CACHE to a folder that is.`;
    return { ...finding, status: 'error', detail: `${path} cannot be written, and libtorch is to go there`, remedy };
  }
  if (freeBytes !== null && freeBytes < fetchSpace(CPU_SET)) {
    const detail = `${path}: the disk has ${formatBytes(freeBytes)} free, and fetching libtorch takes ${formatBytes(fetchSpace(CPU_SET))} for a while`;
    return {
      ...finding,
      status: 'error',
      detail,
      remedy: 'Free that much, or set EMOTION2VEC_CACHE to a folder on another disk.',
    };
  }
  return { ...finding, status: 'ok', detail: `${path}${freeText(freeBytes)}` };
}

function freeText(bytes: number | null): string {
  return bytes === null ? '' : `, ${formatBytes(bytes)} free on its disk`;
}

export function checkLibtorch(facts: Facts): Finding {
  const { libtorch, tools } = facts;
  const finding = { id: 'software.libtorch', title: 'libtorch' };
  const { value, problem } = libtorch;
  if (problem !== undefined) {
    return { ...finding, status: 'error', detail: problem.what, remedy: problem.remedy ?? SETUP };
  }
  if (value === undefined) {
    const detail = `${LIBTORCH_VERSION} was not found: not in the cache, not by LIBTORCH, not in Python`;
    return { ...finding, status: 'error', detail, remedy: cacheRemedy(facts) ?? fetchRemedy(tools) };
  }
  const { version, root, source, cuda, cudaVersion } = value;
  const where = { LIBTORCH: 'named by LIBTORCH', cache: 'in the cache', python: "Python's torch" }[source];
  const data = { version, root, source, cuda, cudaVersion };
  const damage = libtorchDamage(facts);
  if (damage !== undefined) {
    const reason = probeProblem(damage, facts)!;
    const detail = `${version} ${where}: ${reason.what}`;
    return {
      ...finding,
      status: 'error',
      detail,
      remedy: needsNewer(reason) ? reason.remedy! : mendRemedy(value),
      data: { ...data, problem: reason },
    };
  }
  const kind = cuda ? `with CUDA ${cudaVersion ?? '(unknown version)'}` : 'without CUDA';
  return { ...finding, status: 'ok', detail: `${version} ${kind}, ${where}: ${root}`, data };
}

/** A probe that ended on a libtorch that is not whole. */
function libtorchDamage(facts: Facts): Outcome<unknown> | undefined {
  const failure = loadFailure(facts);
  if (failure === undefined || isForAnother(facts)) return undefined;
  const { code, what = '' }: Partial<Problem> = failure.end === 'failed' ? failure.problem : {};
  const cutOff = failure.end === 'crashed' && failure.stage === 'libtorch' && failure.signal === 'SIGBUS';
  // In the words of native/binding.ts: that of the addon begins otherwise.
  const ofAnotherSystem = code === 'ERR_PLATFORM' && /^libtorch\b/.test(what);
  return cutOff || ofAnotherSystem || code === 'ERR_LIBTORCH_MISSING' ? failure : undefined;
}

/** Whether a whole libtorch would not do here either. */
function needsNewer({ code, what, remedy }: Problem): boolean {
  return code === 'ERR_PLATFORM' && /GLIBC/.test(what) && remedy !== undefined;
}

/** What keeps `setup` from fetching. */
function cacheRemedy(facts: Facts): string | undefined {
  const cache = checkCache(facts);
  return cache?.status === 'error' ? cache.remedy : undefined;
}

/** Whether the addon was built for another libtorch than there is. */
function isForAnother({ loader, libtorch }: Facts): boolean {
  const built = loader.report.libtorchVersion;
  return built !== undefined && libtorch.value !== undefined && built !== libtorch.value.version;
}

function fetchRemedy(tools: ToolFacts | undefined): string {
  if (tools !== undefined && !tools.mirror && !tools.pip) {
    const lacking = tools.python ? "python3's pip" : 'python3 with pip';
    return `Install ${lacking} (Debian, Ubuntu: apt-get install python3-pip), or set EMOTION2VEC_LIBTORCH_URL or LIBTORCH; then run \`npx emotion2vec setup\`.`;
  }
  return `Run \`npx emotion2vec setup\`: it fetches ${formatBytes(downloadBytes(CPU_SET))}.`;
}

/** Whether it loads with libtorch, which was tried in processes of their own. */
export function checkAddon(facts: Facts): Finding {
  const { addon, tools } = facts;
  const { path, current } = addon;
  const finding = { id: 'software.addon', title: 'Addon', data: { path, current } };
  if (path === undefined) {
    const detail = 'not built, and there is no prebuilt binary for this system';
    return { ...finding, status: 'error', detail, remedy: buildRemedy(tools, addon) };
  }
  if (isForAnother(facts)) {
    const detail = `${path} was built for libtorch ${facts.loader.report.libtorchVersion}, and this one is ${facts.libtorch.value!.version}`;
    return { ...finding, status: 'error', detail, remedy: REBUILD };
  }
  const failure = libtorchDamage(facts) === undefined ? loadFailure(facts) : undefined;
  if (failure !== undefined) {
    const problem = probeProblem(failure, facts)!;
    const { what, remedy = REBUILD } = problem;
    return { ...finding, status: 'error', detail: what, remedy, data: { ...finding.data, problem } };
  }
  const loadMs = facts.recognitions[0]?.outcome.report.libtorchMs;
  if (current === false) {
    const detail = `${path}: built from other sources, or for another libtorch`;
    const remedy = 'Run `npx emotion2vec setup`: it is built anew, which takes some minutes.';
    return { ...finding, status: 'warning', detail, remedy };
  }
  if (loadMs === undefined) return { ...finding, status: 'info', detail: `${path}; ${untried(facts)}` };
  return { ...finding, status: 'ok', detail: `loads with libtorch in ${timeText(loadMs)}: ${path}` };
}

function untried({ libtorch, recognitions }: Facts): string {
  if (libtorch.value === undefined) return 'not tried without libtorch';
  const outcome = recognitions[0]?.outcome;
  if (outcome?.end !== 'skipped') return 'not tried';
  return outcome.why.startsWith(NO_MEMORY) ? 'not tried for lack of memory' : `not tried: ${outcome.why}`;
}

/** Of the probes, the one that libtorch or the addon did not load in. */
export function loadFailure({ loader, recognitions }: Facts): Outcome<unknown> | undefined {
  const cpu = recognitions[0]?.outcome;
  return [loader, cpu].find(
    (outcome) =>
      outcome !== undefined &&
      outcome.end !== 'done' &&
      outcome.end !== 'skipped' &&
      (['start', 'loader', 'libtorch'] as Stage[]).includes(outcome.stage),
  );
}

/** Recognition works without it. */
export function checkFfmpeg({ ffmpeg }: Facts): Finding {
  const finding = { id: 'software.ffmpeg', title: 'ffmpeg' };
  const { value, problem } = ffmpeg;
  if (problem !== undefined) {
    const { what, remedy } = problem;
    return { ...finding, status: 'warning', detail: what, ...(remedy !== undefined && { remedy }) };
  }
  if (value === undefined) {
    return { ...finding, status: 'info', detail: 'not there; with it, more formats of audio are read' };
  }
  const { path, version } = value;
  const detail = `${version || 'of an unknown version'}: used for formats of audio that are not built in: ${path}`;
  return { ...finding, status: 'ok', detail, data: { ...value } };
}

/** What the addon is built with, in words and as Debian's package. */
const TOOLS = [
  ['cmake', 'CMake 3.18 or newer', 'cmake'],
  ['compiler', 'g++ 10 or newer', 'g++'],
  ['make', 'make', 'make'],
] as const;

function buildRemedy(tools: ToolFacts | undefined, { folder }: Facts['addon']): string {
  if (!folder.writable) {
    return `Run \`npx emotion2vec setup\` as the owner of ${folder.path}, which cannot be written now.`;
  }
  if (folder.freeBytes !== null && folder.freeBytes < BUILD_BYTES) {
    return `Free ${formatBytes(BUILD_BYTES)} on the disk of ${folder.path}, then run \`npx emotion2vec setup\`.`;
  }
  const lacking = TOOLS.filter(([tool]) => tools?.[tool] === false);
  if (lacking.length > 0) {
    const names = lacking.map(([, name]) => name).join(' and ');
    const packages = lacking.map(([, , each]) => each).join(' ');
    return `Install ${names} (Debian, Ubuntu: apt-get install ${packages}), then run \`npx emotion2vec setup\`.`;
  }
  return 'Run `npx emotion2vec setup`: it takes some minutes.';
}
