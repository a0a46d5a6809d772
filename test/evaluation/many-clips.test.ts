import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { type Costs, Run, table } from '../../lib/cli/compare-table.js';
import { createFormatter, FORMATS } from '../../lib/cli/format.js';
import { folderNames } from '../../lib/cli/output-folder.js';
import { evaluate } from '../../lib/evaluation/evaluation.js';
import { confusionFigure, reliabilityFigure } from '../../lib/evaluation/figures.js';
import { LabelVocabulary } from '../../lib/evaluation/label-vocabulary.js';
import { labelRows, readLabelFile } from '../../lib/evaluation/labels.js';
import { matchFiles } from '../../lib/evaluation/match-files.js';
import { report } from '../../lib/evaluation/report.js';
import type { ModelCard } from '../../lib/model/card.js';
import { inColumns } from '../../lib/output/text.js';
import { type RecognitionResult, segmentsOf, timeline } from '../../lib/recognition/result.js';
import { planWindows } from '../../lib/recognition/windows.js';

/** More than a function can take as arguments, and too many for quadratic algorithms. */
const MANY = 200_000;
const LABELS = ['angry', 'happy', 'neutral', 'sad'];
const CARD = {
  labels: LABELS.map((name) => ({ name, en: name, zh: name })),
  sampleRate: 16_000,
  frameRate: 50,
} as unknown as ModelCard;

function scoresOf(i: number): Record<string, number> {
  const weights = LABELS.map((_, label) => 1 + ((i * (label + 3)) % 7));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return Object.fromEntries(LABELS.map((label, at) => [label, weights[at]! / sum]));
}

describe('200,000 clips', () => {
  it('are compared', () => {
    const embedding = Float32Array.of(1, 2, 3);
    const reference = new Run();
    for (let i = 0; i < MANY; i++) {
      reference.add({
        file: `${i}.wav`,
        emotion: LABELS[i % 4]!,
        scores: scoresOf(i),
        embedding,
        inferenceSeconds: 0.01,
      });
    }
    const quantized = new Run(reference);
    for (let i = 0; i < MANY; i++) {
      const scores = { ...scoresOf(i), ...(i === MANY - 1 && { angry: 0.75 + scoresOf(i).angry! }) };
      const changed = i === 7 ? Float32Array.of(3, 2, 1) : embedding;
      const emotion = i < 5 ? 'other' : LABELS[i % 4]!;
      quantized.add({ file: `${i}.wav`, emotion, scores, embedding: changed, inferenceSeconds: 0.005 });
    }
    const costs: Costs = { precision: 'fp32', loadSeconds: 1, peakBytes: 5e8, fileBytes: 1e8 };
    const text = table([
      [reference, costs],
      [quantized, { ...costs, precision: 'int8' }],
    ]);
    assert.match(text, /^int8 +199995\/200000 +0\.7500 +0\.71429 +5 ms \(x2\.0\)/m);
    assert.match(text, /^200000 clips, compared with fp32/m);
  });

  it('are evaluated, with 200,000 values in a column', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-'));
    try {
      const file = path.join(folder, 'labels.csv');
      const lines = Array.from(
        { length: MANY },
        (_, i) => `folder/${i}.wav,${LABELS[i % 4]},s${i % 500},c${i},${i % 3},1`,
      );
      writeFileSync(file, ['file,emotion,speaker,corpus,votes_happy,votes_sad', ...lines, ''].join('\n'));
      const { rows } = labelRows(await readLabelFile(file), new LabelVocabulary(CARD, []));
      const files = rows.map((_, i) => `folder/${i}.wav`);
      const { clips: matched } = matchFiles(rows, files);
      assert.equal(matched.length, MANY);
      const clips = matched.map(({ file, row }, i) => {
        const scores = scoresOf(i);
        return { ...row, file, emotion: LABELS[(i >> 1) % 4]!, confidence: 0.5, scores };
      });
      const evaluation = evaluate(clips, LABELS, ['speaker', 'corpus']);
      const { speakers, groups } = evaluation;
      assert.deepEqual(
        [evaluation.clips, speakers, groups.map(({ values }) => values.length)],
        [MANY, 500, [500, MANY]],
      );
      const heading = { name: 'model', version: '1', precision: 'fp32', device: 'cpu' };
      const text = report(heading, evaluation, undefined);
      assert.match(text, /200000 clips of 500 speakers/);
      assert.ok(text.split('\n').every((line) => line.length <= 80));
      for (const draw of [confusionFigure, reliabilityFigure]) assert.ok(draw('model', evaluation).length < 1e5);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('get folders of their own, even if their names are equal', () => {
    const files = Array.from({ length: MANY }, (_, i) => `${i}/clip.${i % 2 === 0 ? 'wav' : 'mp3'}`);
    const names = folderNames(files);
    assert.equal(new Set(names.values()).size, MANY);
    assert.deepEqual(
      files.slice(0, 4).map((file) => names.get(file)),
      ['clip', 'clip.mp3', 'clip.wav', 'clip-2'],
    );
    const tricky = folderNames(['a/x-2.wav', 'b/x.wav', 'c/x.wav', 'd/x.wav', 'e/..wav', 'f/.wav', 'g/x-2.wav']);
    assert.deepEqual([...tricky.values()], ['x-2', 'x', 'x.wav', 'x-3', '..wav', '.wav', 'x-2.wav']);
  });

  it('are formatted one at a time', () => {
    for (const format of FORMATS) {
      const formatter = createFormatter(format);
      const error = { code: 'ERR_AUDIO_DECODE', message: 'no audio' } as never;
      let length = 0;
      for (let i = 0; i < MANY; i++) length += formatter.each({ file: `${i}.wav`, error }).length;
      assert.ok(length + formatter.end().length >= (format === 'text' ? 0 : MANY), format);
    }
    const rows = Array.from({ length: MANY }, (_, i) => [`${i}`, 'x'.repeat(i % 9)]);
    assert.equal(inColumns(rows).length, MANY);
  });
});

describe('a recording of a day', () => {
  const SECONDS = 86_400;

  it('has a timeline, segments and windows', () => {
    const frames = SECONDS * CARD.frameRate;
    const logits = new Float32Array(frames * LABELS.length);
    for (let frame = 0; frame < frames; frame++) logits[frame * LABELS.length + (Math.floor(frame / 500) % 4)] = 5;
    const spans = timeline(logits, CARD, SECONDS, { window: 1, hop: 0.5 });
    const segments = segmentsOf(spans);
    assert.deepEqual([spans.length, segments.length], [2 * SECONDS - 1, SECONDS / 10]);
    const { windows } = planWindows(SECONDS * CARD.sampleRate, 'auto', CARD);
    assert.equal(windows.length, 1543);
    const result = {
      ...segments[0]!,
      scores: scoresOf(1),
      granularity: 'frame',
      duration: SECONDS,
      frames: spans,
      segments,
      model: { name: 'model', precision: 'fp32', device: 'cpu' },
      timing: { decodeMs: 0, queueMs: 0, inferenceMs: 0 },
    } as unknown as RecognitionResult;
    for (const format of FORMATS)
      assert.ok(createFormatter(format).each({ file: 'day.wav', result }).length > 8640, format);
  });
});
