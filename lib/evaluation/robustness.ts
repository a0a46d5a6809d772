import path from 'node:path';

import { decodeAudio } from '../audio/decode.js';
import type { Pcm } from '../audio/pcm.js';
import { EmotionError } from '../shared/errors.js';
import type { EmotionRecognizer } from '../recognition/recognizer.js';
import type { Change, Kind } from './changes.js';
import type { HeardClip } from './evaluation.js';
import { accuracy, type Cell, confusionOf, mean, uar } from './metrics.js';
import { seedOf } from './random.js';

export interface RobustnessScores {
  clips: number;
  accuracy: number;
  uar: number;
  confidence: number;
}

export interface ChangedScores extends RobustnessScores {
  kind: Kind;
  name: string;
  tick: string;
}

export interface Robustness {
  unchanged: RobustnessScores;
  changes: ChangedScores[];
  failures: { file: string; change: string; message: string }[];
}

interface Setting {
  recognizer: EmotionRecognizer;
  /** That the clips' names are relative to. */
  folder: string;
  /** Of the model: changes are made of what it would hear, so that noise is where it listens. */
  sampleRate: number;
  labels: readonly string[];
  changes: readonly Change[];
  /** Called for each change of each clip. */
  step: () => void;
}

type Answer = Pick<HeardClip, 'truth' | 'emotion' | 'confidence'>;

/** The same clips after each change. A changed clip is made when the model has room for it, and forgotten then. */
export async function robustnessOf(clips: readonly HeardClip[], setting: Setting): Promise<Robustness> {
  const { recognizer, labels, changes, step } = setting;
  const answers = new Map(changes.map((change) => [change, [] as Answer[]]));
  const failures: Robustness['failures'] = [];
  const fail = ({ file }: HeardClip, { kind, name }: Change, error: unknown): void => {
    if (!(error instanceof EmotionError)) throw error;
    failures.push({ file, change: `${kind}: ${name}`, message: `${error.code}: ${error.message}` });
    step();
  };
  for await (const { input, result, error } of recognizer.recognizeMany(changed(clips, setting, fail))) {
    if (result === undefined) {
      fail(input.clip, input.change, error);
      continue;
    }
    const { emotion, confidence } = result;
    answers.get(input.change)!.push({ truth: input.clip.truth, emotion, confidence });
    step();
  }
  return {
    unchanged: scoresOf(clips, labels),
    changes: changes.map((change) => {
      const { kind, name, tick } = change;
      return { kind, name, tick, ...scoresOf(answers.get(change)!, labels) };
    }),
    failures,
  };
}

async function* changed(
  clips: readonly HeardClip[],
  { folder, sampleRate, changes }: Setting,
  fail: (clip: HeardClip, change: Change, error: unknown) => void,
): AsyncGenerator<Pcm & { clip: HeardClip; change: Change }> {
  for (const clip of clips) {
    const { pcm, lease } = await decodeAudio(path.join(folder, clip.file), { rate: sampleRate });
    lease.release(); // not for the model's queue
    const seed = seedOf(clip.file);
    for (const change of changes) {
      let copy: Pcm;
      try {
        copy = await change.apply(pcm, seed);
      } catch (error) {
        fail(clip, change, error);
        continue;
      }
      yield { ...copy, clip, change };
    }
  }
}

function scoresOf(answers: readonly Answer[], labels: readonly string[]): RobustnessScores {
  const cells = answers.map(({ truth, emotion }): Cell => [labels.indexOf(truth), labels.indexOf(emotion)]);
  const matrix = confusionOf(labels.length, cells);
  return {
    clips: answers.length,
    accuracy: accuracy(matrix),
    uar: uar(matrix),
    confidence: mean(answers.map(({ confidence }) => confidence)),
  };
}
