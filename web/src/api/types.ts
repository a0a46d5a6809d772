/** The server's own types: what it sends is what the page reads. */
export type { BatchSummary, ClipResult, ResultSummary, ServerStatus } from '../../../lib/server/schemas.js';
export type { Progress } from '../../../lib/options/types.js';

export interface ApiFailure {
  code: string;
  message: string;
  requestId?: string | undefined;
}
