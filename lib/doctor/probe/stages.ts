import type { ErrorCode } from '../../shared/errors.js';
import type { Stage } from './protocol.js';

/**
 * For each stage of a probe: its activity, in words that follow "crashed" or "still", and the code of failures that have none.
 */
export const STAGES: Readonly<Record<Stage, { doing: string; code: ErrorCode }>> = {
  start: { doing: 'starting Node', code: 'ERR_PLATFORM' },
  loader: { doing: 'loading the addon', code: 'ERR_ADDON_MISSING' },
  driver: { doing: "querying NVIDIA's driver", code: 'ERR_DEVICE_UNAVAILABLE' },
  libtorch: { doing: 'loading libtorch and the addon', code: 'ERR_ADDON_MISSING' },
  model: { doing: 'loading the model', code: 'ERR_MODEL_LOAD' },
  clip: { doing: 'recognizing a clip', code: 'ERR_MODEL_RUN' },
  exit: { doing: 'exiting', code: 'ERR_MODEL_RUN' },
};
