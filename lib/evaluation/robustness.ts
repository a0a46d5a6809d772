import path from 'node:path';

import { decodeAudio } from '../audio/decode.js';
import type { Pcm } from '../audio/pcm.js';
import type { EmotionRecognizer } from '../recognition/recognizer.js';
import { EmotionError } from '../shared/errors.js';
import type { EvaluatedClip } from './evaluation.js';
import { accuracy, type Cell, confusionOf, mean, uar } from './metrics.js';
import type { Perturbation, PerturbationKind } from './perturbations.js';
import { seedOf } from './random.js';

export interface RobustnessScores {
  clips: number;
  accuracy: number;
  uar: number;
  /** Mean confidence. */
  confidence: number;
}

export interface PerturbedScores extends RobustnessScores {
  kind: PerturbationKind;
  name: string;
  tick: string;
}

export interface Robustness {
  /** The scores of the original clips. */
  clean: RobustnessScores;
  /** The scores of the same clips after each perturbation. */
  perturbations: PerturbedScores[];
  failures: { file: string; perturbation: string; message: string }[];
}

interface Settings {
  recognizer: EmotionRecognizer;
  /** Folder that the names of the clips are relative to. */
  folder: string;
  /** Sample rate of the model. Clips are perturbed at this rate, so that noise stays within the band that the model uses. */
  sampleRate: number;
  labels: readonly string[];
  perturbations: readonly Perturbation[];
  /** Called after each perturbation of each clip. */
  onStep: () => void;
}

type Prediction = Pick<EvaluatedClip, 'truth' | 'emotion' | 'confidence'>;

/**
 * Infers the clips again after each perturbation. A perturbed clip is made when the recognizer has room for it and is dropped
 * after its inference, so that memory does not grow with the number of clips.
 */
export async function measureRobustness(clips: readonly EvaluatedClip[], settings: Settings): Promise<Robustness> {
  const { recognizer, labels, perturbations, onStep } = settings;
  const predictions = new Map(perturbations.map((perturbation) => [perturbation, [] as Prediction[]]));
  const failures: Robustness['failures'] = [];
  const fail = ({ file }: EvaluatedClip, { kind, name }: Perturbation, error: unknown): void => {
    if (!(error instanceof EmotionError)) throw error;
    failures.push({ file, perturbation: `${kind}: ${name}`, message: `${error.code}: ${error.message}` });
    onStep();
  };
  for await (const { input, result, error } of recognizer.recognizeMany(perturb(clips, settings, fail))) {
    if (result === undefined) {
      fail(input.clip, input.perturbation, error);
      continue;
    }
    const { emotion, confidence } = result;
    predictions.get(input.perturbation)!.push({ truth: input.clip.truth, emotion, confidence });
    onStep();
  }
  return {
    clean: scoresOf(clips, labels),
    perturbations: perturbations.map((perturbation) => {
      const { kind, name, tick } = perturbation;
      return { kind, name, tick, ...scoresOf(predictions.get(perturbation)!, labels) };
    }),
    failures,
  };
}

async function* perturb(
  clips: readonly EvaluatedClip[],
  { folder, sampleRate, perturbations }: Settings,
  fail: (clip: EvaluatedClip, perturbation: Perturbation, error: unknown) => void,
): AsyncGenerator<Pcm & { clip: EvaluatedClip; perturbation: Perturbation }> {
  for (const clip of clips) {
    const { pcm, lease } = await decodeAudio(path.join(folder, clip.file), { rate: sampleRate });
    lease.release(); // the decoded clip does not wait in the queue of the model
    const seed = seedOf(clip.file);
    for (const perturbation of perturbations) {
      let perturbed: Pcm;
      try {
        perturbed = await perturbation.apply(pcm, seed);
      } catch (error) {
        fail(clip, perturbation, error);
        continue;
      }
      yield { ...perturbed, clip, perturbation };
    }
  }
}

function scoresOf(predictions: readonly Prediction[], labels: readonly string[]): RobustnessScores {
  const cells = predictions.map(({ truth, emotion }): Cell => [labels.indexOf(truth), labels.indexOf(emotion)]);
  const matrix = confusionOf(labels.length, cells);
  return {
    clips: predictions.length,
    accuracy: accuracy(matrix),
    uar: uar(matrix),
    confidence: mean(predictions.map(({ confidence }) => confidence)),
  };
}
