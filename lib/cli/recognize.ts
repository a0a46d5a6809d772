import { SingleBar } from 'cli-progress';

import type { AudioInput } from '../audio/pcm.js';
import { EmotionError } from '../shared/errors.js';
import { resolveModel } from '../model/manifest.js';
import type { Granularity, RecognizeOptions } from '../options/types.js';
import { makeFolder } from '../output/folder.js';
import type { Outcome } from '../output/outcome.js';
import { EmotionRecognizer } from '../recognition/recognizer.js';
import { shown } from '../shared/text.js';
import { describeError } from './describe-error.js';
import { type PlacementFlags, placementOptions } from './placement.js';
import { prepare } from './setup.js';
import { createFormatter, type Format } from './format.js';
import { expandInputs, sourceOf } from './inputs.js';
import { removePartsOnInterrupt } from './interrupt.js';
import { OutputFolder } from './output.js';

export interface RecognizeFlags extends PlacementFlags {
  model?: string;
  granularity: Granularity;
  window: NonNullable<RecognizeOptions['window']>;
  timelineWindow: number;
  timelineHop: number;
  embedding?: boolean;
  raw?: NonNullable<RecognizeOptions['raw']>;
  output?: string;
  format: Format;
  debug?: boolean;
}

/** `emotion2vec recognize`. Results go to stdout, errors and progress to stderr. Returns the exit status: 0 or 1. */
export function runRecognize(inputs: readonly string[], flags: RecognizeFlags): Promise<number> {
  return removePartsOnInterrupt(() => recognizeAll(inputs, flags));
}

async function recognizeAll(inputs: readonly string[], flags: RecognizeFlags): Promise<number> {
  const { model, debug = false } = flags;
  await using recognizer = new EmotionRecognizer({ model, ...placementOptions(flags) });
  // What may be wrong is told before minutes of building.
  resolveModel(model);
  if (flags.output !== undefined) await makeFolder(flags.output);
  const { files, failures } = await expandInputs(inputs, { stdin: true });
  if (files.length > 0) await prepare();
  const screen = new Screen(files.length);
  const formatter = createFormatter(flags.format);
  const folder = flags.output === undefined ? undefined : await OutputFolder.open(flags.output, files);
  let failed = 0;
  const report = (outcome: Outcome): void => {
    if (outcome.error !== undefined) {
      failed++;
      const line = describeError(outcome.error, debug);
      const name = shown(outcome.file);
      screen.error(line.includes(name) ? line : `${name}: ${line}`);
    }
    screen.print(formatter.each(outcome));
  };
  for (const { input, error } of failures) report({ file: input, error });
  const options = {
    granularity: flags.granularity,
    window: flags.window,
    timeline: { window: flags.timelineWindow, hop: flags.timelineHop },
    embedding: flags.embedding,
    raw: flags.raw,
    processedAudio: folder !== undefined,
  };
  let done = 0;
  for await (const { result, error } of recognizer.recognizeMany(sourcesOf(files), options)) {
    report(await store(files[done++]!, result, error, folder));
    screen.step();
  }
  screen.end();
  screen.print(formatter.end());
  return failed > 0 ? 1 : 0;
}

/** Each when its turn comes: standard input is not touched before. */
function* sourcesOf(files: readonly string[]): Iterable<AudioInput> {
  for (const file of files) yield sourceOf(file);
}

type Found = Awaited<ReturnType<EmotionRecognizer['recognize']>> | undefined;

async function store(file: string, result: Found, error: unknown, folder: OutputFolder | undefined): Promise<Outcome> {
  try {
    if (result === undefined) {
      await folder?.writeNothing(file);
      throw error;
    }
    await folder?.write(file, result);
    return { file, result };
  } catch (thrown) {
    if (thrown instanceof EmotionError) return { file, error: thrown };
    throw thrown;
  }
}

/** stdout and stderr, with a progress bar below them where a person watches and there is more than one file. */
class Screen {
  readonly #bar: SingleBar | undefined;

  constructor(total: number) {
    if (total < 2 || !process.stderr.isTTY) return;
    this.#bar = new SingleBar({
      format: '{bar} {value}/{total} clips',
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
      linewrap: true,
      barsize: 30,
    });
    this.#bar.start(total, 0);
  }

  print(text: string): void {
    if (text === '') return;
    this.#above(() => process.stdout.write(text));
  }

  error(line: string): void {
    this.#above(() => process.stderr.write(`${line}\n`));
  }

  step(): void {
    this.#bar?.increment();
  }

  end(): void {
    this.#bar?.stop();
  }

  /**
   * Writes in the bar's place; the next step draws the bar again below. cli-progress saves the cursor once, at its start, and
   * goes back there when it stops, which would wipe the first result: so the cursor is saved anew.
   */
  #above(write: () => void): void {
    if (!this.#bar?.isActive) {
      write();
      return;
    }
    process.stderr.write('\r\x1b[K');
    write();
    process.stderr.write('\x1b7');
  }
}
