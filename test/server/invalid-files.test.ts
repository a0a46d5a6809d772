/** Invalid files in the output folder never cause an internal error, and are never served. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { clipResult } from '../../lib/server/schemas/results.js';
import { keep } from '../support/kept-result.js';
import { testServer } from '../support/server.js';

describe('invalid files in the output folder', () => {
  const good = (): Record<string, unknown> => {
    const output = path.join(process.env['TMPDIR'] ?? '/tmp', `emotion2vec-good-${process.pid}`);
    mkdirSync(output, { recursive: true });
    const { id } = keep(output, { file: 'a.wav', duration: 1, count: 2 });
    const json = JSON.parse(readFileSync(path.join(output, id, 'result.json'), 'utf8')) as Record<string, unknown>;
    rmSync(output, { recursive: true });
    return json;
  };
  /** Things that may be in place of a file. */
  const REPLACEMENTS: [what: string, put: (file: string) => void][] = [
    ...['null', '[]', '""', '5', 'true', '{}', '', '{"id":', '\0\0', '[null]', '{"__proto__":{}}'].map(
      (text): [string, (file: string) => void] => [JSON.stringify(text), (file) => writeFileSync(file, text)],
    ),
    ['a folder', (file) => mkdirSync(file)],
    ['a pipe', (file) => execFileSync('mkfifo', [file])],
    ['a link to a file elsewhere', (file) => symlinkSync('/etc/passwd', file)],
    ['a link to itself', (file) => symlinkSync(file, file)],
    ['a link to a device', (file) => symlinkSync('/dev/zero', file)],
    ['nothing', () => {}],
    [
      'a huge file',
      (file) => {
        writeFileSync(file, '');
        truncateSync(file, 2 ** 31);
      },
    ],
  ];

  it('are skipped, never served, and logged once', async () => {
    await using server = await testServer();
    const fine = keep(server.output, { file: 'fine.wav', duration: 1, count: 2 });
    const put: string[] = [];
    for (const [what, replace] of REPLACEMENTS) {
      const { id } = keep(server.output, { file: `${what}.wav`, duration: 1, count: 2 });
      const file = path.join(server.output, id, 'result.json');
      assert.equal((await server.app.inject(`/api/results/${id}`)).statusCode, 200);
      rmSync(file);
      replace(file);
      put.push(id);
    }
    const template = good();
    for (const key of Object.keys(template)) {
      for (const value of [null, [], {}, 'x', -1, undefined]) {
        if (key === 'file' && value === 'x') continue;
        const { id } = keep(server.output, { file: 'b.wav', duration: 1, count: 1 });
        const json = JSON.stringify({ ...template, id, [key]: value });
        if (clipResult.safeParse(JSON.parse(json)).success && key !== 'id' && key !== 'createdAt') {
          rmSync(path.join(server.output, id), { recursive: true });
          continue; // such as a duration of -1, which is wrong but harmless
        }
        writeFileSync(path.join(server.output, id, 'result.json'), json);
        put.push(id);
      }
    }
    assert.ok(put.length > 60);
    // Entries with the name of a result that are not folders.
    const odd = keep(server.output, { file: 'c.wav', duration: 1, count: 1 }).id;
    for (const [i, [what, replace]] of REPLACEMENTS.entries()) {
      if (what === 'nothing') continue;
      const id = odd.slice(0, -2) + String(i).padStart(2, '0');
      const folder = path.join(server.output, id);
      rmSync(folder, { recursive: true, force: true });
      replace(folder);
      put.push(id);
    }
    rmSync(path.join(server.output, odd), { recursive: true, force: true });
    const outside = path.join(server.output, fine.id);
    const linked = `${odd.slice(0, -2)}ff`;
    symlinkSync(outside, path.join(server.output, linked));
    put.push(linked);

    for (let i = 0; i < 2; i++) {
      const list = await server.app.inject('/api/results?limit=500');
      assert.equal(list.statusCode, 200);
      assert.deepEqual(
        list.json<{ results: { id: string }[] }>().results.map(({ id }) => id),
        [fine.id],
      );
      for (const id of i === 0 ? put : []) {
        for (const below of ['', '/peaks', '/processed_audio.wav', '/embedding.npy']) {
          const answer = await server.app.inject(`/api/results/${id}${below}`);
          assert.equal(answer.statusCode, 404, `${id}${below}: ${answer.body.slice(0, 200)}`);
        }
      }
    }
    const logged = server.logged.filter(({ level }) => level === 40).map(({ msg }) => String(msg));
    assert.equal(new Set(logged).size, logged.length, 'each is logged once');
    assert.ok(logged.length > 50);
    assert.ok(logged.every((line) => line.length < 1000 && !line.includes(server.output)));
    assert.deepEqual(
      server.logged.filter(({ level }) => (level as number) > 40),
      [],
    );
    for (const id of put) {
      const { statusCode } = await server.app.inject({ method: 'DELETE', url: `/api/results/${id}` });
      assert.ok(statusCode === 204 || statusCode === 404);
    }
    assert.equal((await server.app.inject(`/api/results/${fine.id}/processed_audio.wav`)).statusCode, 200);
    assert.equal((await server.app.inject(`/api/results/${fine.id}`)).statusCode, 200);
  }).timeout(60_000);

  it('in place of a file of a result, or of a batch list, count as missing', async () => {
    await using server = await testServer();
    const fine = keep(server.output, { file: 'fine.wav', duration: 1, count: 2 });
    for (const [what, replace] of REPLACEMENTS) {
      for (const name of ['processed_audio.wav', 'embedding.npy']) {
        const { id } = keep(server.output, { file: 'a.wav', duration: 1, count: 2 });
        const file = path.join(server.output, id, name);
        rmSync(file, { force: true });
        replace(file);
        const answer = await server.app.inject(`/api/results/${id}/${name}`);
        assert.equal(answer.statusCode, 404, `${what} for ${name}`);
        if (name.endsWith('wav'))
          assert.equal((await server.app.inject(`/api/results/${id}/peaks`)).statusCode, 404, what);
        assert.equal((await server.app.inject(`/api/results/${id}`)).statusCode, 200);

        if (name !== 'processed_audio.wav') continue;
        // A download contains the valid files.
        const batch = fine.id;
        const list = path.join(server.output, `${batch}.batch.json`);
        const clips = [
          { file: 'a.wav', id },
          { file: 'fine.wav', id: fine.id },
          { file: 'gone.wav', id: batch },
        ];
        writeFileSync(list, JSON.stringify({ createdAt: new Date().toISOString(), clips }));
        const zip = await server.app.inject(`/api/batch/${batch}/zip`);
        assert.equal(zip.statusCode, 200);
        assert.match(zip.body, /fine\.wav\/processed_audio\.wav/);
        assert.ok(!zip.body.includes(`a.wav/${name}`) && zip.body.includes('a.wav/result.json'), `${what} for ${name}`);
        rmSync(list);
        replace(list);
        for (const format of ['csv', 'ndjson', 'zip']) {
          assert.equal((await server.app.inject(`/api/batch/${batch}/${format}`)).statusCode, 404, what);
        }
        rmSync(list, { recursive: true, force: true });
      }
    }
    const list = path.join(server.output, `${fine.id}.batch.json`);
    for (const clips of [null, [null], [{ file: 'x' }], [{ file: 5, id: fine.id }], [{ file: 'x', id: '../../etc' }]]) {
      writeFileSync(list, JSON.stringify({ createdAt: new Date().toISOString(), clips }));
      assert.equal((await server.app.inject(`/api/batch/${fine.id}/ndjson`)).statusCode, 404, JSON.stringify(clips));
    }
  }).timeout(60_000);
});
