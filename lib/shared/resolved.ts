/** The device that a loaded model runs on. */
export type ResolvedDevice = 'cpu' | `cuda:${number}`;

/** The precision that the linear layers of a loaded model compute in. */
export type ResolvedPrecision = 'fp32' | 'bf16' | 'fp16' | 'int8';
