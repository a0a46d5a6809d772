import { cudaProblem } from '../../device/cuda.js';
import { cacheFolder } from '../../libtorch/locate.js';
import { platformProblem } from '../../native/platform.js';
import { formatBytes } from '../../shared/bytes.js';
import type { ErrorCode, Problem } from '../../shared/errors.js';
import type { Facts, ModelFacts } from '../facts.js';
import { gpuPrecisions, minNeeds } from '../fit.js';
import { attempt } from '../known.js';
import { probe } from '../probe/probe.js';
import type { LoaderReport, Outcome, ProbeJob, RecognitionReport, Skipped } from '../probe/protocol.js';
import { addonFacts, ffmpegFacts, libtorchFacts, modelFacts, toolFacts } from './software.js';
import {
  environmentFacts,
  folderFacts,
  gpuCount,
  memoryFacts,
  packageFacts,
  processorFacts,
  systemFacts,
} from './system.js';

export interface GatherOptions {
  /** Name of a built-in model, or path of an archive. Default: the default model. */
  model?: string | undefined;
  /** Called before each step that takes a while. */
  say?: (what: string) => void;
}

/** A driver with many devices takes seconds to start. */
const LOADER_TIMEOUT_MS = 30_000;
/** Loading a large model from a slow disk takes a minute. */
const RECOGNITION_TIMEOUT_MS = 120_000;

const NO_MODEL: Problem = { code: 'ERR_MODEL_NOT_FOUND', what: 'there is no model' };

/**
 * Collects all facts. Writes, downloads and builds nothing, and always ends: everything that might crash or hang runs in a
 * process of its own.
 */
export async function gatherFacts({ model, say = () => undefined }: GatherOptions = {}): Promise<Facts> {
  const { version, node } = packageFacts();
  const system = systemFacts();
  const impossible = platformProblem(system.platform);
  const addon = addonFacts(undefined);
  // This probe runs while other facts are collected.
  const probing: Promise<Outcome<LoaderReport>> =
    impossible !== undefined
      ? Promise.resolve(skipped(impossible.code, 'this system cannot run it'))
      : addon.path === undefined
        ? Promise.resolve(skipped('ERR_ADDON_MISSING', 'the addon is missing'))
        : probe({ kind: 'loader' }, { timeoutMs: LOADER_TIMEOUT_MS });
  const readingModels = modelFacts(model);
  const findingFfmpeg = ffmpegFacts();
  const libtorch = libtorchFacts();
  const cache = attempt(() => cacheFolder());
  const tools = libtorch.value === undefined || addon.path === undefined ? await toolFacts() : undefined;
  const ffmpeg = await findingFfmpeg;
  const { models, modelProblem } = await readingModels;
  const loader = await probing;
  const facts: Facts = {
    version,
    node,
    system,
    processors: processorFacts(loader.report),
    memory: memoryFacts(loader.report),
    environment: environmentFacts(),
    cache: cache === undefined ? undefined : folderFacts(cache),
    libtorch,
    addon: { ...addon, current: addonFacts(libtorch.value).current },
    tools,
    ffmpeg,
    gpus: gpuCount(),
    loader,
    models,
    modelProblem,
    recognitions: [],
  };
  const chosen = models.find((each) => each.chosen);
  const obstacle = obstacleOf(facts, chosen);
  for (const device of ['cpu', ...usableGpu(facts, chosen)]) {
    if (obstacle !== undefined || chosen === undefined) {
      facts.recognitions.push({ device, outcome: { end: 'skipped', problem: obstacle ?? NO_MODEL, report: {} } });
      continue;
    }
    say(`Trying ${chosen.name} on ${device}`);
    const job: ProbeJob = { kind: 'recognition', model: chosen.path, device };
    const limits = { timeoutMs: RECOGNITION_TIMEOUT_MS, env: { LIBTORCH: libtorch.value!.root } };
    facts.recognitions.push({ device, outcome: await probe<RecognitionReport>(job, limits) });
  }
  return facts;
}

/** Returns why trying a recognition is pointless; undefined if it is not. `what` continues "not tried: ". */
function obstacleOf(facts: Facts, chosen: ModelFacts | undefined): Problem | undefined {
  const { system, libtorch, addon, memory } = facts;
  if (platformProblem(system.platform) !== undefined) {
    return { code: 'ERR_PLATFORM', what: 'this system cannot run libtorch' };
  }
  if (libtorch.problem !== undefined) return { code: libtorch.problem.code, what: 'libtorch is not usable' };
  if (libtorch.value === undefined) return { code: 'ERR_LIBTORCH_MISSING', what: 'libtorch is missing' };
  if (addon.path === undefined) return { code: 'ERR_ADDON_MISSING', what: 'the addon is missing' };
  if (chosen === undefined) return NO_MODEL;
  if (chosen.card.problem !== undefined) {
    return { code: chosen.card.problem.code, what: `${chosen.name} cannot be read` };
  }
  // If the kernel kills whole containers (memory.oom.group), trying would also end the user's other work.
  const needs = minNeeds(chosen);
  if (needs > memory.availableBytes) {
    const what = `too little memory: ${chosen.name} needs ${formatBytes(needs)} or more, and ${formatBytes(memory.availableBytes)} are available`;
    return { code: 'ERR_OUT_OF_MEMORY', what };
  }
  return undefined;
}

/** Returns the first GPU that has no known problem and enough memory, as a list of one or none. */
function usableGpu({ loader, libtorch }: Facts, chosen: ModelFacts | undefined): string[] {
  const { driver } = loader.report;
  const found = libtorch.value;
  if (driver === undefined || found === undefined || chosen === undefined) return [];
  const index = driver.devices.findIndex(
    ({ bytesFree, bytesTotal }, i) =>
      cudaProblem(driver, found, i) === undefined && gpuPrecisions(chosen, bytesFree ?? bytesTotal).length > 0,
  );
  return index < 0 ? [] : [`cuda:${index}`];
}

function skipped(code: ErrorCode, what: string): Skipped {
  return { end: 'skipped', problem: { code, what }, report: {} };
}
