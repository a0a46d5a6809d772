import { cacheFolder } from '../../libtorch/locate.js';
import { platformProblem } from '../../native/platform.js';
import { cudaProblem } from '../../device/cuda.js';
import type { Facts, ModelFacts } from '../facts.js';
import { gpuPrecisions, leastNeeds } from '../fit.js';
import { known, knownLater } from '../finding.js';
import { formatBytes } from '../../shared/bytes.js';
import { probe } from '../probe/probe.js';
import {
  type LoaderReport,
  NO_MEMORY,
  type Outcome,
  type ProbeJob,
  type RecognitionReport,
  type Skipped,
} from '../probe/protocol.js';
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
  /** Built-in name or path; default: the default model. */
  model?: string | undefined;
  /** Told before what takes a while. */
  say?: (what: string) => void;
}

/** Milliseconds. A driver with many devices takes seconds to start. */
const LOADER_LIMIT = 30_000;
/** Milliseconds. A large model on a slow disk takes a minute. */
const RECOGNITION_LIMIT = 120_000;

/** All facts. Writes nothing, fetches nothing, builds nothing, and ends: what might crash or hang runs in processes of its own. */
export async function gatherFacts({ model, say = () => undefined }: GatherOptions = {}): Promise<Facts> {
  const { version, node } = packageFacts();
  const system = systemFacts();
  const impossible = platformProblem(system.platform);
  const addon = addonFacts(undefined);
  // On its way while the rest is looked at.
  const asking: Promise<Outcome<LoaderReport>> =
    impossible !== undefined
      ? Promise.resolve(skipped('this system cannot run it'))
      : addon.path === undefined
        ? Promise.resolve(skipped('the addon is missing'))
        : probe({ kind: 'loader' }, { timeoutMs: LOADER_LIMIT });
  const knowing = modelFacts(model);
  const askingFfmpeg = knownLater(ffmpegFacts);
  const libtorch = libtorchFacts();
  const cache = known(() => cacheFolder()).value;
  const tools =
    libtorch.value === undefined || addon.path === undefined ? (await knownLater(toolFacts)).value : undefined;
  const ffmpeg = await askingFfmpeg;
  const { models, modelProblem } = await knowing;
  const loader = await asking;
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
      facts.recognitions.push({ device, outcome: skipped(obstacle ?? 'there is no model') });
      continue;
    }
    say(`Trying ${chosen.name} on ${device}`);
    const job: ProbeJob = { kind: 'recognition', model: chosen.path, device };
    const limits = { timeoutMs: RECOGNITION_LIMIT, env: { LIBTORCH: libtorch.value!.root } };
    facts.recognitions.push({ device, outcome: await probe<RecognitionReport>(job, limits) });
  }
  return facts;
}

/** Why a recognition need not be tried: a sentence without a full stop, which continues "not tried: ". */
function obstacleOf(facts: Facts, chosen: ModelFacts | undefined): string | undefined {
  const { system, libtorch, addon, memory } = facts;
  if (platformProblem(system.platform) !== undefined) return 'this system cannot run libtorch';
  if (libtorch.problem !== undefined) return 'libtorch is not as it should be';
  if (libtorch.value === undefined) return 'libtorch is missing';
  if (addon.path === undefined) return 'the addon is missing';
  if (chosen === undefined) return 'there is no model';
  if (chosen.card.problem !== undefined) return `${chosen.name} cannot be read`;
  // Where the kernel ends whole containers (memory.oom.group), trying would end the user's work too.
  const needs = leastNeeds(chosen);
  if (needs > memory.availableBytes) {
    return `${NO_MEMORY}, as ${chosen.name} takes ${formatBytes(needs)} or more, and ${formatBytes(memory.availableBytes)} are available`;
  }
  return undefined;
}

/** The first GPU that nothing is known against and that has room; none, or one. */
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

function skipped(why: string): Skipped {
  return { end: 'skipped', why, report: {} };
}
