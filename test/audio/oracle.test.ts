import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { cases } from '../oracle/cases/index.js';
import { decode } from '../support/decode.js';
import { measure } from '../oracle/measure.js';
import { needsFfmpeg } from '../support/fake-ffmpeg.js';

/** The cases of `npm run test:oracle` that were once decoded incorrectly without an error. */
const FILES = [
  'aiff-pcm_s8-44100-2.aiff',
  'aiff-id3-pcm_s16be-16000-1.aiff',
  'aifc-adpcm_ima_qt-16000-1.aifc',
  'caf-pcm_mulaw-16000-1.caf',
  'caf-pcm_alaw-44100-2.caf',
  'wav-bits24-block8-stereo.wav',
  'wav-bits12.wav',
  'wav-data0.wav',
  'au-pcm_mulaw-8000-1.au',
  'w64-pcm_s24le-44100-2.w64',
  'flac-ffmpeg-48000-6.flac',
  'flac-unknown-length.flac',
  'flac-tail.flac',
  'mp3-ffmpeg-8000.mp3',
  'ogg-chained-vorbis-rates.ogg',
  'ogg-chained-opus-channels.ogg',
  'aac-22050-2.aac',
  'alac24-44100-2.m4a',
  'aac-fragmented.mp4',
  'opus-picture.webm',
];

describe('decoded samples compared with ffmpeg', () => {
  let folder: string;
  before(function () {
    needsFfmpeg(this);
    folder = mkdtempSync(path.join(tmpdir(), 'oracle-'));
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  it('are the same for twenty formats that are prone to errors', async function () {
    this.timeout(180_000); // sixty processes
    const chosen = cases.filter(({ file }) => FILES.includes(file));
    assert.equal(chosen.length, FILES.length);
    const rows = await measure(chosen, folder, decode);
    const made = rows.filter(({ verdict }) => verdict !== 'not made'); // not all tools are installed everywhere
    assert.ok(made.length > FILES.length / 2);
    assert.deepEqual(
      made
        .filter(({ verdict, by }) => verdict !== 'equal' || by !== 'builtin')
        .map(({ case: one, verdict, why }) => `${one.file}: ${verdict} ${why}`),
      [],
    );
  });
});
