import assert from 'node:assert/strict';

import { annotatorsOf } from '../../lib/evaluation/annotators.js';
import { bootstrap } from '../../lib/evaluation/bootstrap.js';
import { ageBin, groupsOf } from '../../lib/evaluation/groups.js';
import {
  accuracy,
  argmax,
  calibration,
  type Cell,
  classScores,
  confusionOf,
  macroF1,
  quantile,
  uar,
} from '../../lib/evaluation/metrics.js';

const close = (a: number | undefined, b: number): void => assert.ok(Math.abs(a! - b) < 1e-12, `${a} is not ${b}`);

/** Class 0: 3 of 4 correct, one predicted as 1. Class 1: 1 of 2 correct, one predicted as 2. Class 2 has no clips. */
const CELLS: Cell[] = [
  [0, 0],
  [0, 0],
  [0, 0],
  [0, 1],
  [1, 1],
  [1, 2],
];

describe('metrics', () => {
  const matrix = confusionOf(3, CELLS);

  it('are computed from the confusion matrix', () => {
    assert.deepEqual(matrix, [
      [3, 1, 0],
      [0, 1, 1],
      [0, 0, 0],
    ]);
    close(accuracy(matrix), 4 / 6);
    close(uar(matrix), (3 / 4 + 1 / 2) / 2);
    close(macroF1(matrix), (6 / 7 + 1 / 2) / 2);
    const [first, second, third] = classScores(matrix);
    assert.deepEqual(first, { clips: 4, precision: 1, recall: 3 / 4, f1: 6 / 7 });
    assert.deepEqual(second, { clips: 2, precision: 1 / 2, recall: 1 / 2, f1: 1 / 2 });
    assert.equal(third, undefined, 'a class without clips is not averaged');
  });

  it('are defined for a single class, and for a class that is never predicted', () => {
    const one = confusionOf(2, [
      [0, 0],
      [0, 1],
    ]);
    assert.deepEqual([accuracy(one), uar(one), macroF1(one)], [0.5, 0.5, 2 / 3]);
    const never = confusionOf(2, [
      [0, 1],
      [1, 1],
    ]);
    assert.deepEqual(classScores(never)[0], { clips: 1, precision: NaN, recall: 0, f1: 0 });
    assert.deepEqual([uar(never), macroF1(never)], [0.5, 1 / 3]);
  });

  it('are NaN without clips', () => {
    const none = confusionOf(2, []);
    assert.deepEqual([accuracy(none), uar(none), macroF1(none), calibration([]).ece], [NaN, NaN, NaN, NaN]);
    assert.equal(quantile([], 0.5), NaN);
  });

  it('argmax returns the first of several highest scores among the candidates', () => {
    const scores = { a: 0.2, b: 0.4, c: 0.4 };
    assert.deepEqual(
      [
        ['a', 'b', 'c'],
        ['a', 'c'],
        ['c', 'b'],
      ].map((labels) => argmax(scores, labels)),
      ['b', 'c', 'c'],
    );
  });

  it('measure calibration', () => {
    const clip = (truth: string, a: number) => ({
      truth,
      emotion: a > 0.5 ? 'a' : 'b',
      scores: { a, b: 1 - a },
    });
    // Two clips with confidence 0.9, one of them correct, and a correct one with confidence 1. The last bin starts above 0.9333 and
    // includes 1.
    const { ece, confidence, bins, nll, brier } = calibration([clip('a', 0.9), clip('b', 0.9), clip('a', 1)]);
    close(ece, (2 * 0.4 + 0) / 3);
    close(confidence, 2.8 / 3);
    close(nll, -(Math.log(0.9) + Math.log(0.1)) / 3);
    close(brier, (0.01 + 0.01 + 0.81 + 0.81) / 3);
    assert.equal(bins.length, 15);
    assert.deepEqual(
      bins.flatMap(({ clips }, i) => (clips > 0 ? [[i, clips]] : [])),
      [
        [13, 2],
        [14, 1],
      ],
    );
    const unknown = calibration([{ truth: 'c', emotion: 'a', scores: { a: 1, b: 0 } }]);
    assert.ok(Number.isFinite(unknown.nll), 'a label that the model never outputs');
    close(unknown.brier, 2);
  });

  it('have reproducible intervals, which are wider over speakers than over clips if speakers differ', () => {
    const clips = Array.from({ length: 200 }, (_, i): Cell => [0, Number(i % 10 >= 7)]);
    const perClip = clips.map((cell) => [cell]);
    const perSpeaker = Array.from({ length: 10 }, (_, speaker) => clips.filter((_, i) => i % 10 === speaker));
    const byClip = bootstrap(2, perClip, { accuracy }).accuracy;
    const bySpeaker = bootstrap(2, perSpeaker, { accuracy }).accuracy;
    assert.deepEqual(bootstrap(2, perClip, { accuracy }).accuracy, byClip);
    close(byClip.value, 0.7);
    // Binomial interval: 0.7 +- 1.96 sqrt(0.7 * 0.3 / n), n = 200 clips or 10 speakers. 1000 resamples estimate it within 10%.
    assert.ok(Math.abs(byClip.high - byClip.low - 0.127) < 0.02, JSON.stringify(byClip));
    assert.ok(Math.abs(bySpeaker.high - bySpeaker.low - 0.568) < 0.12, JSON.stringify(bySpeaker));
  });

  it('are computed for each group, in natural order, with ages in bins', () => {
    assert.deepEqual([17.5, 18, 29, 30, 44, 45, 59, 60, 99].map(ageBin), [
      '0-17',
      '18-29',
      '18-29',
      '30-44',
      '30-44',
      '45-59',
      '45-59',
      '60+',
      '60+',
    ]);
    const values = (column: string, values: string[]): string[] => {
      const clips = values.map((value) => ({ columns: { [column]: value } }));
      return groupsOf(clips, column, (group) => ({ clips: group.length, accuracy: 0, uar: 0 })).values.map(
        ({ value, clips: count }) => `${value}:${count}`,
      );
    };
    assert.deepEqual(values('age', ['61', '20', '', '22']), [':1', '18-29:2', '60+:1']);
    assert.deepEqual(values('age', ['old', '20']), ['20:1', 'old:1']);
    assert.deepEqual(values('speaker', ['10', '9', '10']), ['9:1', '10:2']);
  });

  it('compare annotators, without clips that have no plurality', () => {
    const clips = [
      { truth: 'a', emotion: 'a', votes: { a: 3, b: 1 } },
      { truth: 'a', emotion: 'b', votes: { b: 2 } },
      { truth: 'b', emotion: 'a', votes: { a: 1, b: 1 } },
      { truth: 'b', emotion: 'b', votes: undefined },
    ];
    const { clips: count, ties, vote, plurality, model, agreement } = annotatorsOf(clips)!;
    assert.deepEqual([count, ties, agreement], [2, 1, 1]);
    close(vote.accuracy, (3 / 4 + 0 + 1 / 2) / 3);
    assert.deepEqual([plurality, model.accuracy], [{ accuracy: 0.5, uar: 0.5 }, 0.5]);
    assert.equal(annotatorsOf(clips.slice(2)), undefined);
  });
});
