import type { TakenInput } from '../audio/input/take-input.js';
import type { Pcm } from '../audio/pcm.js';
import { type PreparedAudio, prepareAudio } from '../audio/prepare.js';
import type { ModelOutput } from '../model/emotion-model.js';
import type { ModelHolder, ModelLease } from '../model/model-holder.js';
import { ModelUse } from '../model/model-use.js';
import type { recognizeOptionsSchema } from '../options/schemas.js';
import type { Decoder } from '../options/types.js';
import type { RequestContext } from '../scheduler/run.js';
import { onAbort } from '../shared/abort.js';
import type * as z from '../vendor/zod.js';
import { ClipRunner, type RunSettings } from './clip-runner.js';
import { infer, type InferenceOutputs } from './infer.js';
import { ProgressReporter } from './progress.js';
import { type RecognitionResult, resultOf, type Timing } from './result.js';

/** The options of a request, with their defaults. */
export type RequestSettings = z.output<typeof recognizeOptionsSchema>;

/** The parts of a recognizer that a request uses. */
export interface RequestEnvironment {
  models: ModelHolder;
  settings: RunSettings & { decoder: Decoder };
  /** Called with the times of a request that is done. */
  onDone: (timing: Timing) => void;
}

/**
 * Recognizes one clip. The model loads while the clip is decoded, so a cold start takes only as long as the slower of the two.
 * @throws as EmotionRecognizer.recognize
 */
export async function recognizeClip(
  input: TakenInput,
  request: RequestSettings,
  { models, settings, onDone }: RequestEnvironment,
  { signal, run }: RequestContext<Pcm, ModelOutput>,
): Promise<RecognitionResult> {
  const start = performance.now();
  const progress = new ProgressReporter(request.onProgress);
  const unfollow = onAbort(signal, () => progress.end()); // the request has settled, even if something still runs here
  const wasLoaded = models.loaded !== undefined;
  const use = new ModelUse(models);
  let preparing: Promise<PreparedAudio> | undefined;
  try {
    preparing = prepare(input, request, settings, use.first, signal);
    reportPreparation(progress, use.first, preparing, wasLoaded);
    const [audio, model] = await Promise.all([preparing, use.first.model]);
    const runner = new ClipRunner(settings, use, run);
    const inference = await infer({
      clip: audio.waveform,
      card: model.card,
      window: request.window,
      outputs: outputsOf(request),
      parallel: model.parallel,
      run: (clip, outputs, windows) => runner.run(clip, outputs, progress.observe(windows)),
    });
    const { decodeMs, decoder } = audio;
    const { inferenceMs } = inference;
    const queueMs = Math.max(0, performance.now() - start - decodeMs - inferenceMs);
    const timing = { decodeMs, decoder, queueMs, inferenceMs };
    onDone(timing);
    return resultOf(inference, audio, await use.model(), request, timing);
  } finally {
    unfollow();
    progress.end();
    preparing?.then(
      (audio) => audio.lease.release(),
      () => undefined,
    );
    use.release();
  }
}

async function prepare(
  input: TakenInput,
  request: RequestSettings,
  settings: { decoder: Decoder },
  lease: ModelLease,
  signal: AbortSignal,
): Promise<PreparedAudio> {
  const { priority, maxDuration: maxSeconds, maxBytes, transfer, raw, decoder = settings.decoder } = request;
  const card = await lease.card;
  return prepareAudio(input, card, { signal, priority, maxSeconds, maxBytes, transfer, decoder, raw });
}

/** Reports the load of the model if it was not loaded, and then the decoding of the clip if that is not done yet. */
function reportPreparation(
  progress: ProgressReporter,
  lease: ModelLease,
  preparing: Promise<unknown>,
  wasLoaded: boolean,
): void {
  let prepared = false;
  void preparing.then(
    () => (prepared = true),
    () => undefined,
  );
  const reportDecoding = (): void => {
    if (!prepared) progress.report({ stage: 'decoding' });
  };
  if (wasLoaded) reportDecoding();
  else void progress.reportLoading(lease).then(reportDecoding);
}

function outputsOf({ granularity, embedding }: RequestSettings): InferenceOutputs {
  const byFrame = granularity === 'frame';
  return { frameLogits: byFrame, embedding: !embedding ? 'none' : byFrame ? 'frames' : 'mean' };
}
