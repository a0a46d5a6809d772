import type { EmotionRecognizer } from '../recognition/recognizer.js';

/** Limits of the results that the server keeps. */
export interface KeepLimits {
  /** Seconds after which a result is deleted. `null`: never. */
  seconds: number | null;
  /** Total size in bytes above which the oldest results are deleted. `null`: there is no limit. */
  bytes: number | null;
}

/** Options of the Fastify plugin. */
export interface ApiOptions {
  /** The recognizer that runs the requests. It may be shared. The plugin does not close it. */
  recognizer: EmotionRecognizer;
  /** The model that the recognizer was created with: a built-in name or a path. Default: the default model. */
  model?: string | undefined;
  /** Folder for results, and for uploads while they are processed. Default `outputs`. */
  output?: string | undefined;
  /**
   * Age and total size of the results that are kept. `false`: none are kept. Default: `{ seconds: 604800, bytes: 2 ** 30 }`,
   * which is 7 days and 1 GiB.
   */
  keep?: Partial<KeepLimits> | false | undefined;
  /** Maximum size of a recording in bytes. Larger ones are answered with 413. Default: 209715200 (200 MiB). */
  maxUploadBytes?: number | undefined;
  /**
   * Maximum duration of a recording in seconds, after which decoding stops. Longer ones are answered with 413. Default: 7200 (two
   * hours).
   */
  maxDuration?: number | undefined;
  /** Maximum number of recordings in a batch, from 1 to 10,000. Default: 500. */
  maxFiles?: number | undefined;
  /**
   * Maximum time in milliseconds from the end of an upload to its result. Later ones are answered with 504. Default: 600000 (ten
   * minutes).
   */
  timeoutMs?: number | undefined;
}
