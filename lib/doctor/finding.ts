/** `info`: useful to know, but nothing is wrong. `warning`: recognition works nevertheless. `error`: it does not work. */
export type Status = 'ok' | 'info' | 'warning' | 'error';

/** The case of a check that a finding reports. */
export type FindingKind =
  // the system
  | 'old-node'
  | 'platform'
  | 'old-libc'
  | 'unknown-libc'
  | 'old-processor'
  | 'no-avx2'
  | 'unknown-processor'
  | 'quota'
  | 'affinity'
  | 'omp-num-threads'
  | 'invalid-omp-num-threads'
  | 'container-too-small'
  | 'memory-in-use'
  | 'address-space'
  // the software
  | 'no-home'
  | 'not-a-folder'
  | 'not-writable'
  | 'disk-full'
  | 'missing'
  | 'missing-tools'
  | 'unusable'
  | 'damaged'
  | 'old-system'
  | 'other-libtorch'
  | 'outdated'
  | 'not-loading'
  | 'not-tried'
  // devices and models
  | 'no-gpu'
  | 'no-driver'
  | 'no-device'
  | 'too-little-memory'
  | 'unreadable'
  | 'not-found'
  // a recognition, or a check of the doctor's
  | 'crashed'
  | 'hung'
  | 'failed'
  | 'skipped'
  | 'not-reached'
  | 'wrong-scores';

/** The result of a check. The format is stable, because scripts read it. */
export interface Finding {
  /** `topic.name`, such as system.memory. */
  id: string;
  title: string;
  status: Status;
  /** For programs. Absent if the status is `ok`, or if the check has only one case. */
  kind?: FindingKind;
  /** The result, without a period at its end. */
  detail: string;
  /** What to do. Present if the status is `warning` or `error`. */
  remedy?: string;
  /** What was measured, for programs. */
  data?: Record<string, unknown>;
}
