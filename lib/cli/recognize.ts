import type { AudioInput } from '../audio/pcm.js';
import { resolveModel } from '../model/manifest.js';
import type { Granularity, RecognizeOptions } from '../options/types.js';
import { makeFolder } from '../output/folder.js';
import type { Outcome } from '../output/outcome.js';
import { EmotionRecognizer } from '../recognition/recognizer.js';
import type { RecognitionResult } from '../recognition/result.js';
import { EmotionError } from '../shared/errors.js';
import { shown } from '../shared/text.js';
import { describeError } from './describe-error.js';
import { EXIT } from './exit-status.js';
import { createFormatter, type Format } from './format.js';
import { expandInputs, sourceOf } from './inputs.js';
import { removePartsOnInterrupt } from './interrupt.js';
import { OutputFolder } from './output-folder.js';
import { type PlacementFlags, placementOptions } from './placement.js';
import { ProgressScreen } from './progress.js';
import { prepare } from './setup.js';

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

/** `emotion2vec recognize`. Prints results to stdout, errors and progress to stderr. Returns the exit status. */
export function runRecognize(inputs: readonly string[], flags: RecognizeFlags): Promise<number> {
  return removePartsOnInterrupt(() => recognizeAll(inputs, flags));
}

async function recognizeAll(inputs: readonly string[], flags: RecognizeFlags): Promise<number> {
  const { model, debug = false } = flags;
  await using recognizer = new EmotionRecognizer({ model, ...placementOptions(flags) });
  // Wrong arguments are reported before minutes of building.
  resolveModel(model);
  if (flags.output !== undefined) await makeFolder(flags.output);
  const { files, failures } = await expandInputs(inputs, { stdin: true });
  if (files.length > 0) await prepare();
  const screen = new ProgressScreen(files.length);
  const formatter = createFormatter(flags.format);
  const folder = flags.output === undefined ? undefined : await OutputFolder.open(flags.output, files);
  let failed = 0;
  const report = (outcome: Outcome, prefix = ''): void => {
    if (outcome.error !== undefined) {
      failed++;
      screen.printError(`${prefix}${describeError(outcome.error, debug)}`);
    }
    screen.print(formatter.each(outcome));
  };
  for (const { input, error } of failures) report({ file: input, error }); // these errors name the input themselves
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
    const file = files[done++]!;
    report(await store(file, result, error, folder), `${shown(file)}: `);
    screen.increment();
  }
  screen.stop();
  screen.print(formatter.end());
  return failed > 0 ? EXIT.failure : EXIT.success;
}

/** Yields each source only when it is needed, so that standard input is not opened before. */
function* sourcesOf(files: readonly string[]): Iterable<AudioInput> {
  for (const file of files) yield sourceOf(file);
}

/** Writes a result to the output folder, if there is one, and returns the outcome. */
async function store(
  file: string,
  result: RecognitionResult | undefined,
  error: unknown,
  folder: OutputFolder | undefined,
): Promise<Outcome> {
  try {
    if (result === undefined) {
      await folder?.removeUnfinished(file);
      throw error;
    }
    await folder?.write(file, result);
    return { file, result };
  } catch (thrown) {
    if (thrown instanceof EmotionError) return { file, error: thrown };
    throw thrown;
  }
}
