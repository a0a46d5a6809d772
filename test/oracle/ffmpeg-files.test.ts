import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { DecodeOptions } from '../../lib/audio/decode.js';
import { decode as decodePcm } from '../support/decode.js';
import { needsFfmpeg } from '../support/fake-ffmpeg.js';
import { fixture } from '../support/paths.js';

async function decode(file: string, options?: DecodeOptions): Promise<Float32Array> {
  return (await decodePcm(file, options)).samples;
}

describe('files that ffmpeg opens', () => {
  let folder: string;
  let clip: string;
  let expected: Float32Array;
  before(async function () {
    const program = needsFfmpeg(this);
    folder = mkdtempSync(path.join(tmpdir(), 'ffmpeg-files-'));
    clip = path.join(folder, 'speech.flv');
    execFileSync(program, ['-nostdin', '-loglevel', 'error', '-i', fixture('speech.wav'), '-ar', '44100', clip]);
    expected = await decode(clip, { decoder: 'ffmpeg' });
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  const names = [
    '-i.flv',
    'concat:a.flv|b.flv',
    'http:speech.flv',
    'pipe:0',
    'file:x.flv',
    'new\nline.flv',
    '%03d.flv',
  ];
  for (const name of names) {
    it(`include a file with the name ${JSON.stringify(name)}`, async () => {
      const inside = mkdtempSync(path.join(folder, 'names-'));
      copyFileSync(clip, path.join(inside, name));
      const before = process.cwd();
      process.chdir(inside);
      try {
        for (const file of [name.includes(':') ? path.join(inside, name) : name, path.join(inside, name)]) {
          assert.deepEqual(await decode(file, { decoder: 'ffmpeg' }), expected);
        }
      } finally {
        process.chdir(before);
      }
    });
  }

  describe('for a file that refers to others', () => {
    let requests: string[];
    let server: ReturnType<typeof createServer>;
    let port: number;
    before(async () => {
      requests = [];
      server = createServer(({ url = '' }, response) => {
        requests.push(url);
        response.end(readFileSync(fixture('speech.wav')));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      ({ port } = server.address() as AddressInfo);
      copyFileSync(fixture('speech.wav'), path.join(folder, 'secret.wav'));
      const mp3 = path.join(folder, 'secret.mp3');
      copyFileSync(fixture('speech.mp3'), mp3);
    });
    after(() => server?.close());

    const playlists: Record<string, (target: string) => string> = {
      'hls.m3u8': (target) =>
        `#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n${target}\n#EXT-X-ENDLIST\n`,
      'concat.ffconcat': (target) => `ffconcat version 1.0\nfile '${target}'\n`,
      'session.sdp': () =>
        `v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio ${port} RTP/AVP 0\na=rtpmap:0 PCMU/8000\n`,
      'dash.mpd': (target) =>
        `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT3S">` +
        `<Period><AdaptationSet mimeType="audio/mp4"><Representation id="0" bandwidth="1"><BaseURL>${target}</BaseURL>` +
        `</Representation></AdaptationSet></Period></MPD>`,
      'list.m3u': (target) => `${target}\n`,
      'stream.asx': (target) => `<asx version="3.0"><entry><ref href="${target}"/></entry></asx>`,
      'rtsp.txt': (target) => `[Reference]\nRef1=${target}\n`,
    };
    for (const [name, write] of Object.entries(playlists)) {
      it(`do not include those: ${name}`, async () => {
        const wav = path.join(folder, 'secret.wav');
        for (const target of [
          wav,
          `file:${wav}`,
          'secret.wav',
          path.join(folder, 'secret.mp3'),
          `http://127.0.0.1:${port}/speech.wav`,
        ]) {
          const file = path.join(folder, name);
          writeFileSync(file, write(target));
          await assert.rejects(decode(file, { decoder: 'ffmpeg' }), { code: 'ERR_AUDIO_DECODE' });
        }
        assert.deepEqual(requests, []);
      });
    }
  });
});
