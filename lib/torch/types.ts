/** Options of a run. */
export interface CallOptions {
  /**
   * Indices of the elements to return if the result is a tuple. The others are returned as null and are not copied, which matters
   * for large tensors. Default: all elements.
   */
  keep?: readonly number[];
  /**
   * Aborting rejects with the reason of the signal. A run that waits is dropped together with its inputs. A run that has begun
   * cannot be stopped: it occupies its processors until it ends, its output is discarded, and it does not keep the process alive.
   */
  signal?: AbortSignal;
}

/** The result of `TorchModule.run`. */
export interface RunResult {
  /**
   * The return value of the method: a Tensor, number, bigint, string, boolean, null, array (for a tuple or list), object (for a
   * dict with string keys) or Map (for other dicts). Integers beyond 2^53 are bigints. Sparse and oneDNN tensors are converted to
   * dense tensors.
   */
  output: unknown;
  /** Milliseconds that the run waited for processors. */
  waitMs: number;
  /** Milliseconds that the run took. */
  runMs: number;
}

/** The result of `TorchModule.quantize`. */
export interface QuantizeReport {
  /** Number of linear layers whose weights were converted. */
  convertedLayers: number;
  /** Number of linear layers with constant weights that stay as they were, because they are too small to gain. */
  unchangedLayers: number;
  /** Number of parameters of the module. */
  parameters: number;
  /** Number of parameters in converted layers. */
  convertedParameters: number;
  /** Bytes of all tensors of the module before the conversion. */
  bytesBefore: number;
  /** Bytes of all tensors of the module after the conversion. */
  bytesAfter: number;
}

/** Options of `TorchModule.save`. */
export interface SaveOptions {
  /** Additional text files for the archive: name -> content. */
  extraFiles?: Readonly<Record<string, string>>;
}
