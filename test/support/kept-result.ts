import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { wavHeader } from '../../lib/audio/write/wav-header.js';
import { newId } from '../../lib/server/clip-id.js';
import type { ClipResult } from '../../lib/server/schemas/results.js';

export const EMOTIONS = ['angry', 'disgusted', 'fearful', 'happy', 'neutral', 'other', 'sad', 'surprised', 'unknown'];

const RATE = 16_000;
const HOP = 0.5;

/**
 * Puts a result, with its sound, into the folder of a server that has not heard it. Segment after segment has another emotion,
 * and they are not of one length.
 */
export function keep(folder: string, { file, duration, count }: { file: string; duration: number; count: number }) {
  const weights = Array.from({ length: count }, (_, i) => 1 + ((i * 7) % 5));
  const unit = duration / weights.reduce((sum, weight) => sum + weight, 0);
  let end = 0;
  const segments = weights.map((weight, i) => {
    const start = end;
    end = i === count - 1 ? duration : start + weight * unit;
    return { start, end, emotion: EMOTIONS[i % EMOTIONS.length]!, confidence: 0.6 };
  });
  const frames = Array.from({ length: Math.round(duration / HOP) }, (_, i) => {
    const { emotion } = segments.find((segment) => (i + 0.5) * HOP < segment.end)!;
    const scores = Object.fromEntries(EMOTIONS.map((name) => [name, name === emotion ? 0.6 : 0.05]));
    return { start: i * HOP, end: (i + 1) * HOP, emotion, scores };
  });
  const id = newId();
  const result = {
    id,
    file,
    createdAt: new Date().toISOString(),
    emotion: 'happy',
    confidence: 0.6,
    scores: frames[0]!.scores,
    granularity: 'frame' as const,
    duration,
    frames,
    segments,
    model: { name: 'none', precision: 'fp32', device: 'cpu' },
    timing: { decodeMs: 1, decoder: 'builtin', queueMs: 1, inferenceMs: 1 },
  } satisfies ClipResult;
  const samples = new Int16Array(duration * RATE).map((_, i) => 8000 * Math.sin(i / 20));
  mkdirSync(path.join(folder, id));
  writeFileSync(path.join(folder, id, 'result.json'), JSON.stringify(result));
  writeFileSync(
    path.join(folder, id, 'processed_audio.wav'),
    Buffer.concat([wavHeader(samples.length, RATE), Buffer.from(samples.buffer)]),
  );
  return result;
}
