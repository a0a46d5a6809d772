import type { Facts } from '../facts.js';
import type { Outcome, Stage } from '../probe/protocol.js';

const LOADING: readonly Stage[] = ['start', 'loader', 'libtorch'];

/** Returns the probe in which libtorch or the addon did not load; undefined if both loaded or were not tried. */
export function loadFailure({ loader, recognitions }: Facts): Outcome<unknown> | undefined {
  const cpu = recognitions[0]?.outcome;
  return [loader, cpu].find(
    (outcome) =>
      outcome !== undefined && outcome.end !== 'done' && outcome.end !== 'skipped' && LOADING.includes(outcome.stage),
  );
}

/** Returns that probe if libtorch is damaged, or if this system is too old for it. */
export function libtorchFailure(facts: Facts): Outcome<unknown> | undefined {
  const failure = loadFailure(facts);
  if (failure === undefined || isOtherLibtorch(facts)) return undefined;
  const truncated = failure.end === 'crashed' && failure.stage === 'libtorch' && failure.signal === 'SIGBUS';
  const { code, kind } = failure.end === 'failed' ? failure.problem : {};
  return truncated || kind === 'old-system-libtorch' || code === 'ERR_LIBTORCH_MISSING' ? failure : undefined;
}

/** Returns whether the addon was built for another version of libtorch than the one that was found. */
export function isOtherLibtorch({ loader, libtorch }: Facts): boolean {
  const built = loader.report.libtorchVersion;
  return built !== undefined && libtorch.value !== undefined && built !== libtorch.value.version;
}
