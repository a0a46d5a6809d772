/** The encodings of audio without a header. */
export const RAW_ENCODINGS = ['mulaw', 'alaw', 's8', 'u8', 's16le', 's16be', 's24le', 's32le', 'f32le'] as const;

/** The minimum and maximum values of options. They also apply to the server and the command line. */
export const limits = {
  threads: { min: 1, max: 1024 },
  /** Seconds. */
  window: { min: 1, max: 86_400 },
  /** Seconds. */
  timeline: { min: 0.02, max: 3600 },
  /** Seconds. */
  stream: { window: { min: 0.1, max: 60 }, hop: { min: 0.02, max: 60 } },
  /** Hz. Speech needs more than the minimum, and no audio converter exceeds the maximum. */
  sampleRate: { min: 1000, max: 768_000 },
  /** Seventh-order Ambisonics has 64 channels. */
  channels: { min: 1, max: 64 },
  /** Milliseconds that a Node timer can wait. */
  timerMs: { min: 1, max: 2 ** 31 - 1 },
  /** Length of a chain of proxies in front of a server. */
  proxies: { min: 1, max: 32 },
  /** Recordings in a batch that is sent to a server. */
  files: { min: 1, max: 10_000 },
} as const;

/** Default values of options that the command line and the server share with the library. */
export const defaults = {
  maxQueue: 1024,
  /** Bytes of one file, Blob or stream. */
  maxBytes: 2 ** 31,
  /** Seconds. */
  timeline: { window: 1, hop: 0.5 },
  /** Connections to a server that may be open at once. */
  connections: { all: 2048, perAddress: 512, graceMs: 5000 },
  /** The server. */
  server: {
    output: 'outputs',
    /** A week. */
    keepSeconds: 7 * 86_400,
    keepBytes: 2 ** 30,
    maxUploadBytes: 200 * 2 ** 20,
    /** Seconds. */
    maxDuration: 2 * 3600,
    maxFiles: 500,
    timeoutMs: 10 * 60_000,
  },
} as const;
