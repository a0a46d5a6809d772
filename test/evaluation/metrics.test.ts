import assert from 'node:assert/strict';

import { bootstrap } from '../../lib/evaluation/bootstrap.js';
import { ageBin, groupsOf } from '../../lib/evaluation/groups.js';
import { listenersOf } from '../../lib/evaluation/listeners.js';
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

/** Class 0: 3 of 4 right, one taken for 1; class 1: 1 of 2 right, one taken for 2; class 2 has no clips. */
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

  it('count', () => {
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
    assert.equal(third, undefined, 'a class without clips counts nowhere');
  });

  it('of one class, and of one that is never answered', () => {
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

  it('of no clips are no numbers', () => {
    const none = confusionOf(2, []);
    assert.deepEqual([accuracy(none), uar(none), macroF1(none), calibration([]).ece], [NaN, NaN, NaN, NaN]);
    assert.equal(quantile([], 0.5), NaN);
  });

  it('of several highest scores the first wins, among those that may', () => {
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

  it('tell how far scores are probabilities', () => {
    const clip = (truth: string, a: number) => ({
      truth,
      emotion: a > 0.5 ? 'a' : 'b',
      scores: { a, b: 1 - a },
    });
    // Two clips of confidence 0.9, one of them right, and one of 1, right: the edge belongs to the last bin, as 0.9 does not.
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
    assert.ok(Number.isFinite(unknown.nll), 'a label that the model never answers');
    close(unknown.brier, 2);
  });

  it('have intervals that are the same each time, and wider where speakers differ', () => {
    const clips = Array.from({ length: 200 }, (_, i): Cell => [0, Number(i % 10 >= 7)]);
    const perClip = clips.map((cell) => [cell]);
    const perSpeaker = Array.from({ length: 10 }, (_, speaker) => clips.filter((_, i) => i % 10 === speaker));
    const byClip = bootstrap(2, perClip, { accuracy }).accuracy;
    const bySpeaker = bootstrap(2, perSpeaker, { accuracy }).accuracy;
    assert.deepEqual(bootstrap(2, perClip, { accuracy }).accuracy, byClip);
    close(byClip.value, 0.7);
    // The binomial's own: 0.7 +- 1.96 sqrt(0.7 * 0.3 / n), with n = 200 clips or 10 speakers; 1000 draws tell it to a tenth.
    assert.ok(Math.abs(byClip.high - byClip.low - 0.127) < 0.02, JSON.stringify(byClip));
    assert.ok(Math.abs(bySpeaker.high - bySpeaker.low - 0.568) < 0.12, JSON.stringify(bySpeaker));
  });

  it('by group, in natural order, with ages in bins', () => {
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
    const values = (column: string, given: string[]): string[] => {
      const clips = given.map((value) => ({ columns: { [column]: value } }));
      return groupsOf(clips, column, (inside) => ({ clips: inside.length, accuracy: 0, uar: 0 })).values.map(
        ({ value, clips: many }) => `${value}:${many}`,
      );
    };
    assert.deepEqual(values('age', ['61', '20', '', '22']), [':1', '18-29:2', '60+:1']);
    assert.deepEqual(values('age', ['old', '20']), ['20:1', 'old:1']);
    assert.deepEqual(values('speaker', ['10', '9', '10']), ['9:1', '10:2']);
  });

  it('of listeners, without those who are at odds', () => {
    const clips = [
      { truth: 'a', emotion: 'a', votes: { a: 3, b: 1 } },
      { truth: 'a', emotion: 'b', votes: { b: 2 } },
      { truth: 'b', emotion: 'a', votes: { a: 1, b: 1 } },
      { truth: 'b', emotion: 'b', votes: undefined },
    ];
    const { clips: many, ties, vote, plurality, model, agreement } = listenersOf(clips)!;
    assert.deepEqual([many, ties, agreement], [2, 1, 1]);
    close(vote.accuracy, (3 / 4 + 0 + 1 / 2) / 3);
    assert.deepEqual([plurality, model.accuracy], [{ accuracy: 0.5, uar: 0.5 }, 0.5]);
    assert.equal(listenersOf(clips.slice(2)), undefined);
  });
});
