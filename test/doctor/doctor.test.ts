import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { Finding } from '../../lib/doctor/finding.js';
import { type Problem, systemCode } from '../../lib/shared/errors.js';
import { type FakeCuda, fakeCuda } from '../support/fake-cuda.js';
import { root } from '../support/paths.js';
import { type Ran, runCli } from '../support/run.js';

interface Report {
  ok: boolean;
  version: string;
  findings: Finding[];
}

async function doctor(env: Record<string, string> = {}, ...args: string[]): Promise<Ran & Report> {
  const ran = await runCli(['doctor', '--json', ...args], env);
  assert.equal(ran.stderr, '');
  return { ...ran, ...(JSON.parse(ran.stdout) as Report) };
}

const byId = ({ findings }: Report, id: string) => findings.find((each) => each.id === id);
const statusOf = (report: Report, id: string) => byId(report, id)?.status;

describe('emotion2vec doctor', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('reports that recognition works, in lines that fit a terminal', async () => {
    const { status, stdout, stderr } = await runCli(['doctor']);
    assert.deepEqual([status, stderr], [0, ''], stdout);
    assert.match(stdout, /^emotion2vec \d+\.\d+\.\d+\n\nSystem\n {2}✓ Node\.js +\d+\./);
    assert.match(stdout, /✓ on the CPU +small-en-de in fp32 is ready in [\d.]+ m?s;/);
    assert.match(stdout, /\n[✓!] Recognition works here, on the CPU\./);
    assert.ok(stdout.split('\n').every((line) => line.length <= 80));
    assert.ok(!stdout.includes('\x1b'));
  });

  it('--json writes one JSON document and nothing else', async () => {
    const { status, stdout, ...report } = await doctor();
    assert.deepEqual([status, report.ok], [0, true], stdout);
    assert.deepEqual(Object.keys(JSON.parse(stdout) as object), ['ok', 'version', 'findings']);
    for (const { id, title, status: each, detail } of report.findings) {
      assert.match(id, /^(system|software|devices|models|recognition)\.\S+$/);
      assert.ok(title !== '' && detail !== '' && ['ok', 'info', 'warning', 'error'].includes(each), id);
    }
    const { peakBytes, clipMs } = byId(report, 'recognition.cpu')!.data as Record<string, number>;
    assert.ok(peakBytes! > 50e6 && clipMs! > 0);
  });

  it('uses color on terminals, but not with NO_COLOR', function () {
    const run = (env: NodeJS.ProcessEnv) =>
      spawnSync('script', ['-qec', `${process.execPath} bin/emotion2vec.js doctor`, '/dev/null'], {
        cwd: root,
        encoding: 'utf8',
        env: { ...process.env, LIBTORCH: folder, ...env },
        timeout: 60_000,
      });
    const { stdout, error } = run({});
    if (systemCode(error) === 'ENOENT') this.skip(); // script of util-linux is not installed
    assert.ok(stdout.includes('\x1b[31m✗\x1b[39m'), stdout);
    assert.ok(!run({ NO_COLOR: '1' }).stdout.includes('\x1b[3'));
  });

  it('LIBTORCH is an empty folder: exit status 1, and what to do', async () => {
    const { status, ...report } = await doctor({ LIBTORCH: folder });
    assert.deepEqual([status, report.ok], [1, false]);
    const { kind, data } = byId(report, 'software.libtorch')!;
    assert.deepEqual([kind, (data!['problem'] as Problem).code], ['unusable', 'ERR_LIBTORCH_MISSING']);
    assert.equal(statusOf(report, 'recognition.cpu'), 'error');
  });

  it('the cache is empty: exit status 1 soon, and `npx emotion2vec setup`; nothing is written', async () => {
    const begin = performance.now();
    const cache = path.join(folder, 'cache');
    const { status, ...report } = await doctor({ EMOTION2VEC_CACHE: cache, LIBTORCH: '' });
    const seconds = (performance.now() - begin) / 1000;
    const { source } = (byId(report, 'software.libtorch')!.data ?? {}) as { source?: string };
    if (source !== 'python') {
      assert.deepEqual([status, report.ok], [1, false]);
      assert.match(byId(report, 'software.libtorch')!.remedy!, /`npx emotion2vec setup`/);
      assert.ok(seconds < 5, `${seconds} s`); // 0.4 where nothing else runs
    }
    assert.deepEqual(readdirSync(folder), []);
  });

  it('the addon crashes: a finding', async () => {
    const file = path.join(folder, 'crash.js');
    const script = `if (process.argv[1].endsWith('probe-worker.js')) {
      const { dlopen } = process;
      process.dlopen = function (target, file, ...rest) {
        if (file.endsWith('libemotion2vec_torch.so')) process.kill(process.pid, 'SIGSEGV');
        return dlopen.call(process, target, file, ...rest);
      };
    }`;
    writeFileSync(file, script);
    const { status, ...report } = await doctor({ NODE_OPTIONS: `--require=${file}` });
    assert.deepEqual([status, report.ok], [1, false]);
    const { kind, detail, remedy } = byId(report, 'software.addon')!;
    assert.equal(kind, 'not-loading');
    assert.match(detail, /SIGSEGV/);
    assert.match(remedy!, /NODE_OPTIONS/);
  });

  it('a model that does not exist, and one that is not a model', async () => {
    const missing = await doctor({}, '--model', 'huge');
    assert.deepEqual([missing.status, statusOf(missing, 'models.chosen')], [1, 'error']);
    assert.equal(statusOf(missing, 'models.small-en-de'), 'ok');
    const none = await doctor({}, '--model', 'models/emotion2vec-architecture.pt');
    assert.deepEqual([none.status, statusOf(none, 'models.emotion2vec-architecture.pt')], [1, 'error']);
  });

  it('passwords in URLs are not shown', async () => {
    const { stdout } = await doctor({
      EMOTION2VEC_LIBTORCH_URL: 'https://me:secret@mirror.example/libtorch.zip',
      EMOTION2VEC_TOKEN: 'secret',
      LIBTORCH: folder,
    });
    assert.doesNotMatch(stdout, /secret/);
    assert.match(stdout, /mirror\.example/);
  });

  it('wrong usage: exit status 2', async () => {
    assert.equal((await runCli(['doctor', '--bogus'])).status, 2);
  });
});

describe('emotion2vec doctor with a simulated GPU', function () {
  let fake: FakeCuda;
  before('a simulated GPU', async function () {
    this.timeout(180_000);
    const built = await fakeCuda();
    if (built === undefined)
      this.skip(); // no g++
    else fake = built;
  });

  it('and libtorch without CUDA: a warning, and `setup --cuda`', async () => {
    const { status, ...report } = await doctor(fake.driverOnly());
    if (byId(report, 'software.libtorch')!.data!['cuda']) return; // this one has it
    assert.equal(status, 0);
    assert.match(byId(report, 'devices.driver')!.remedy!, /setup --cuda/);
    assert.equal(statusOf(report, 'devices.cuda:0'), 'info');
  });

  it('and a driver that is too old', async () => {
    const { status, ...report } = await doctor(fake.env({ driver: 12080 }));
    assert.deepEqual([status, statusOf(report, 'devices.driver')], [0, 'warning']);
    assert.match(byId(report, 'devices.driver')!.detail, /CUDA 12\.8/);
    assert.equal(byId(report, 'recognition.cuda:0'), undefined);
  });

  it('and a driver that finds no device', async () => {
    const report = await doctor(fake.env({ devices: 0 }));
    assert.deepEqual([report.status, statusOf(report, 'devices.driver')], [0, 'info']);
  });

  it('and too little memory', async () => {
    const report = await doctor(fake.env({ free: 300e6 }));
    assert.deepEqual([report.status, statusOf(report, 'devices.cuda:0')], [0, 'warning']);
    assert.equal(byId(report, 'devices.cuda:0')!.kind, 'too-little-memory');
  });

  it('that works: recognition is tried on it too', async () => {
    const report = await doctor(fake.env());
    assert.deepEqual(
      [report.status, statusOf(report, 'devices.cuda:0'), statusOf(report, 'recognition.cuda:0')],
      [0, 'ok', 'ok'],
      report.stdout,
    );
    assert.equal(byId(report, 'recognition.cuda:0')!.data!['device'], 'cuda:0');
  });
});
