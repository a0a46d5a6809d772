import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

import { withLock } from '../../lib/shared/lock.js';
import { runNode } from '../support/run.js';
import { DEAD_PID } from '../libtorch/mirror.js';

describe('withLock', () => {
  let folder: string;
  let lock: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-'));
    lock = path.join(folder, 'torn.lock');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const heldBy = (pid: number) => {
    mkdirSync(lock);
    writeFileSync(path.join(lock, String(pid)), '');
  };
  /** A process that runs `patch`, takes the lock `times` times, and fails when another process holds it at the same time. */
  const contender = (patch: string, times: number) =>
    runNode([
      '-e',
      `${patch}
      const fs = require('fs');
      const { withLock } = require('./dist/shared/lock.js');
      const inside = ${JSON.stringify(path.join(folder, 'inside'))};
      (async () => {
        for (let i = 0; i < ${times}; i++) {
          await withLock(${JSON.stringify(lock)}, () => {}, async () => {
            fs.closeSync(fs.openSync(inside, 'wx'));
            await new Promise((resolve) => setTimeout(resolve, 5));
            fs.rmSync(inside);
          });
        }
        console.log('done');
      })();`,
    ]);
  const allDone = async (contenders: Promise<{ stdout: string; stderr: string }>[]) => {
    for (const { stdout, stderr } of await Promise.all(contenders)) assert.equal(stdout, 'done\n', stderr);
    assert.deepEqual(readdirSync(folder), []);
  };

  it('runs one process at a time, even where one is slow to write the lock', async () => {
    // A process that is suspended between creating a file and writing it.
    const slow = `const { writeFileSync } = require('fs');
      require('fs').writeFileSync = (file, text, options) => {
        writeFileSync(file, '', options);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
        writeFileSync(file, text, { flag: 'a' });
      };`;
    await allDone([slow, '', ''].map((patch) => contender(patch, 2)));
  });

  it('needs no links, which some file systems do not have', async () => {
    const none = `for (const name of ['linkSync', 'symlinkSync'])
      require('fs')[name] = () => { throw Object.assign(new Error('EPERM'), { code: 'EPERM' }); };`;
    heldBy(DEAD_PID);
    await allDone([contender(none, 1)]);
  });

  for (const [what, make] of Object.entries({
    'a process that was killed': () => heldBy(DEAD_PID),
    'a process that was killed while it cleared a folder': () => mkdirSync(lock),
  })) {
    it(`takes the lock over from ${what}, one process of several that race for it`, async () => {
      make();
      await allDone([1, 2, 3].map(() => contender('', 3)));
    });
  }

  it('waits for a process that is alive', async () => {
    heldBy(process.ppid);
    const seen: unknown[] = [];
    const work = withLock(
      lock,
      (pid) => seen.push(pid),
      () => Promise.resolve(seen.push('in')),
    );
    await sleep(600);
    assert.deepEqual(seen, [process.ppid]);
    rmSync(lock, { recursive: true });
    await work;
    assert.deepEqual(seen, [process.ppid, 'in']);
    assert.ok(!existsSync(lock));
  });

  it('takes the lock over from a killed process with the same id, such as the first process of another container', async () => {
    heldBy(process.pid);
    const waited = (pid: number) => assert.fail(`waits for ${pid}`);
    await withLock(lock, waited, () => Promise.resolve(assert.deepEqual(readdirSync(folder), ['torn.lock'])));
    assert.deepEqual(readdirSync(folder), []);
  });

  it('runs one call at a time, in one thread of a process', async () => {
    const seen: string[] = [];
    const call = (name: string) =>
      withLock(
        lock,
        (pid) => seen.push(`${name} waits for ${pid === process.pid ? 'us' : pid}`),
        async () => {
          seen.push(`${name} in`);
          await sleep(300);
          seen.push(`${name} out`);
        },
      );
    const script = `require('./dist/shared/lock.js').withLock(${JSON.stringify(lock)},
      () => {}, async () => require('worker_threads').parentPort.postMessage('in'))`;
    const first = call('first');
    const thread = new Worker(script, { eval: true });
    thread.on('message', () => seen.push('thread in'));
    const ended = once(thread, 'exit');
    await Promise.all([first, call('second'), ended]);
    assert.deepEqual(seen.slice(0, 3), ['first in', 'second waits for us', 'first out']);
    assert.deepEqual(seen.filter((line) => line.endsWith(' in')).sort(), ['first in', 'second in', 'thread in']);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('does not remove the lock of a new holder after it has read that of a killed one', async () => {
    // Between reading who holds the lock and clearing it, another process clears it and takes it.
    heldBy(DEAD_PID);
    const late = `const { unlinkSync, rmSync, mkdirSync, writeFileSync } = require('fs');
      require('fs').unlinkSync = (file) => {
        require('fs').unlinkSync = unlinkSync;
        rmSync(${JSON.stringify(lock)}, { recursive: true });
        mkdirSync(${JSON.stringify(lock)});
        writeFileSync(${JSON.stringify(path.join(lock, String(process.pid)))}, '');
        unlinkSync(file);
      };`;
    const contenders = [contender(late, 1)];
    await sleep(1000);
    assert.deepEqual(readdirSync(lock), [String(process.pid)]);
    rmSync(lock, { recursive: true });
    await allDone(contenders);
  });

  it('ends the lock when the work fails', async () => {
    await assert.rejects(
      withLock(
        lock,
        () => undefined,
        () => Promise.reject(new Error('no')),
      ),
      /^Error: no$/,
    );
    assert.deepEqual(readdirSync(folder), []);
  });
});
