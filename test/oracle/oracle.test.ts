import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { findFfmpeg } from '../../lib/audio/ffmpeg/program.js';
import { cases } from './cases/index.js';
import { decode } from '../support/decode.js';
import { measure, type Row } from './measure.js';
import { mayBeRefused } from './refused.js';

/** Decodes files in all formats that the installed tools write, and compares the samples with those of ffmpeg, libsndfile and sox. */
describe('decoded samples compared with other decoders', () => {
  let folder: string;
  let rows: Row[];
  before(async function () {
    if (findFfmpeg() === undefined) {
      console.log('      no ffmpeg on this machine: skipped');
      this.skip();
    }
    folder = mkdtempSync(path.join(tmpdir(), 'oracle-'));
    rows = await measure(cases, folder, decode);
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  for (const format of new Set(cases.map((one) => one.format))) {
    it(format, function () {
      const all = rows.filter((row) => row.case.format === format);
      const made = all.filter(({ verdict }) => verdict !== 'not made');
      if (made.length < all.length) {
        const [first] = all.filter(({ verdict }) => verdict === 'not made');
        console.log(`      ${all.length - made.length} of ${all.length} not made: ${first!.why}`);
      }
      if (made.length === 0) this.skip();
      const wrong = made.filter(({ verdict, by, case: one }) => {
        if (one.never !== undefined) return verdict !== 'refused';
        if (verdict === 'equal') return by !== 'builtin' && !mayBeRefused(one);
        return verdict !== 'refused' || !mayBeRefused(one);
      });
      assert.deepEqual(
        wrong.map(({ case: one, by, verdict, why }) => `${one.file}: ${verdict} ${by} ${why}`),
        [],
      );
    });
  }
});
