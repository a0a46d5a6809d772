/** The types of the server's answers. */
export type { BatchSummary, ClipResult, ResultSummary } from '../../../lib/server/schemas/results.js';
export type { ServerStatus } from '../../../lib/server/schemas/status.js';
export type { Progress } from '../../../lib/options/types.js';

export interface ApiFailure {
  code: string;
  message: string;
  requestId?: string | undefined;
}
