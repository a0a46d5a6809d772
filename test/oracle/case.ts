/** A file that some tool writes, and what is expected of it. */
export interface OracleCase {
  /** The file's name; unique. */
  file: string;
  /** The row of the table that it belongs to: container, codec. */
  format: string;
  lossless: boolean;
  /** Samples by which a lossy codec may change the length: a frame. */
  frame: number;
  /** Writes the file. */
  make: (kitchen: Kitchen, out: string) => Promise<void>;
  /** Who knows the right samples: a tool, or the speech that the file was made of. */
  reference: Reference | { rate: number; channels: number };
  /**
   * Clips that were joined, in files of their own beside it (`FILE.0`, ...): what is right is one after the other, at the rate of
   * the first; each may be a frame late of its own.
   */
  parts?: number;
  /** One that nothing may answer, and why. */
  never?: string;
}

/** ffmpeg by its own decoders or with libopus; libsndfile; sox, where it is the only one. */
export type Reference = 'ffmpeg' | 'libopus' | 'sndfile' | 'sox';

/** What makers cook with. */
export interface Kitchen {
  /** Runs a tool in the folder of the files. @throws where it fails */
  run: (tool: string, args: readonly string[]) => Promise<void>;
  /**
   * The speech as a WAV file: at this rate, each channel fainter and later than the one before, so that none can be missing
   * from a mean, or be taken twice.
   */
  source: (rate: number, channels: number, bits?: SourceBits) => Promise<string>;
  /** The samples of `source`, interleaved. */
  samples: (rate: number, channels: number) => Promise<Float32Array>;
}

/** Bits of a source: 16 and 24 are integers, 32 floats, `u8` unsigned bytes. */
export type SourceBits = 'u8' | 16 | 24 | 32;

/** A case whose file ffmpeg writes, from the speech at this rate. */
export function byFfmpeg(
  file: string,
  format: string,
  rate: number,
  channels: number,
  args: string,
  more: Partial<OracleCase> & { bits?: SourceBits } = {},
): OracleCase {
  const { bits = 16, ...rest } = more;
  return {
    file,
    format,
    lossless: false,
    frame: 2048,
    reference: 'ffmpeg',
    make: async ({ run, source }, out) =>
      run('ffmpeg', [...QUIET, '-i', await source(rate, channels, bits), ...words(args), '-y', `file:${out}`]),
    ...rest,
  };
}

/** A case whose file another tool writes: `IN` and `OUT` in its arguments are the files. */
export function byTool(
  file: string,
  format: string,
  rate: number,
  channels: number,
  command: string,
  more: Partial<OracleCase> & { bits?: SourceBits } = {},
): OracleCase {
  const { bits = 16, ...rest } = more;
  return {
    file,
    format,
    lossless: false,
    frame: 2048,
    reference: 'ffmpeg',
    make: async ({ run, source }, out) => {
      const [tool, ...args] = words(command);
      const input = await source(rate, channels, bits);
      await run(
        tool!,
        args.map((arg) => (arg === 'IN' ? input : arg.replace('OUT', out))),
      );
    },
    ...rest,
  };
}

export const QUIET = ['-nostdin', '-hide_banner', '-loglevel', 'error'];

/** The arguments of a line. */
export function words(line: string): string[] {
  return line.split(' ').filter((word) => word !== '');
}
