import type { EmotionRecognizer } from '../recognition/recognizer.js';

/** Limits of the results that are kept. */
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
  /** Which results are kept. `false`: none. Default: 7 days, 1 GiB. */
  keep?: Partial<KeepLimits> | false | undefined;
  /** Maximum size of a recording in bytes. Default: 200 MiB. */
  maxUploadBytes?: number | undefined;
  /** Maximum length of a recording in seconds, after which decoding stops. Default: two hours. */
  maxDuration?: number | undefined;
  /** Maximum number of recordings in a batch, 1 to 10,000. Default: 500. */
  maxFiles?: number | undefined;
  /** Milliseconds that a recording may take from the end of its upload, before the answer is 504. Default: ten minutes. */
  timeoutMs?: number | undefined;
}
