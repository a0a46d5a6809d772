/** A file that some tool writes, and what is expected of it. */
export interface OracleCase {
  /** Name of the file; unique. */
  file: string;
  /** Row of the table to which the file belongs: container, codec. */
  format: string;
  lossless: boolean;
  /** Number of samples by which a lossy codec may change the length: a frame. */
  frame: number;
  /** Writes the file. */
  make: (maker: FileMaker, out: string) => Promise<void>;
  /** Source of the expected samples: a tool, or the speech from which the file was made. */
  reference: Reference | { rate: number; channels: number };
  /**
   * Number of clips that were joined. They are kept in separate files (`FILE.0`, ...). Expected is one after the other, at the rate of
   * the first. Each may be delayed by a frame.
   */
  parts?: number;
  /** Why the file must be rejected by every decoder, if it must. */
  never?: string;
}

/** ffmpeg with its own decoders or with libopus; libsndfile; sox, for formats that only sox reads. */
export type Reference = 'ffmpeg' | 'libopus' | 'sndfile' | 'sox';

/** Provides what cases need to make their files. */
export interface FileMaker {
  /**
   * Runs a tool in the folder of the files.
   * @throws Error if it fails
   */
  run: (tool: string, args: readonly string[]) => Promise<void>;
  /**
   * Returns the path of the speech as a WAV file. Each channel is quieter and later than the previous one, so that a mean shows if a
   * channel is missing or counted twice.
   */
  source: (rate: number, channels: number, bits?: SourceBits) => Promise<string>;
  /** Returns the samples of `source`, interleaved. */
  samples: (rate: number, channels: number) => Promise<Float32Array>;
}

/** Bit depth of a source: 16 and 24 are integers, 32 floats, `u8` unsigned bytes. */
export type SourceBits = 'u8' | 16 | 24 | 32;

type Options = Partial<OracleCase> & { bits?: SourceBits };

/** Returns a case whose file ffmpeg writes from the speech at this rate. */
export function byFfmpeg(
  file: string,
  format: string,
  rate: number,
  channels: number,
  args: string,
  options: Options = {},
): OracleCase {
  return fromSource(file, format, rate, channels, options, (input, out) => [
    'ffmpeg',
    ...[...QUIET, '-i', input, ...splitWords(args), '-y', `file:${out}`],
  ]);
}

/** Returns a case whose file another tool writes. `IN` and `OUT` in its arguments stand for the files. */
export function byTool(
  file: string,
  format: string,
  rate: number,
  channels: number,
  command: string,
  options: Options = {},
): OracleCase {
  return fromSource(file, format, rate, channels, options, (input, out) =>
    splitWords(command).map((word) => (word === 'IN' ? input : word.replace('OUT', out))),
  );
}

function fromSource(
  file: string,
  format: string,
  rate: number,
  channels: number,
  { bits = 16, ...overrides }: Options,
  command: (input: string, out: string) => string[],
): OracleCase {
  return {
    file,
    format,
    lossless: false,
    frame: 2048,
    reference: 'ffmpeg',
    make: async ({ run, source }, out) => {
      const [tool, ...args] = command(await source(rate, channels, bits), out);
      await run(tool!, args);
    },
    ...overrides,
  };
}

export const QUIET = ['-nostdin', '-hide_banner', '-loglevel', 'error'];

/** Splits a command line at spaces. */
export function splitWords(line: string): string[] {
  return line.split(' ').filter((word) => word !== '');
}
