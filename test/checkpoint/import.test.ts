import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { importCheckpoint } from '../../lib/checkpoint/import.js';
import { EmotionError, EmotionRecognizer } from '../../lib/index.js';
import { Pickler, type Stored, writeCheckpoint, writeSaved } from '../support/checkpoint.js';
import { runCli } from '../support/run.js';
import { clip, LABELS, tinySnapshot, tinyWeights } from '../support/tiny.js';

const refused =
  (message = /./, code = 'ERR_CHECKPOINT') =>
  (error: unknown): boolean => {
    assert.ok(error instanceof EmotionError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };

describe('emotion2vec import', () => {
  let folder: string;
  let out: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-import-'));
    out = path.join(folder, 'out.pt');
    writeFileSync(path.join(folder, 'tokens.txt'), LABELS.join('\n'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  afterEach(() => {
    const left = readdirSync(folder).filter((name) => name.startsWith('out.pt'));
    assert.deepEqual(left, [], 'no partial file may stay');
  });

  const source = (): string => path.join(folder, 'model.pt');
  const withWeights = (change: (weights: Map<string, Stored>) => void): string => {
    const weights = tinyWeights();
    change(weights);
    writeCheckpoint(source(), weights);
    return source();
  };

  it('reports on the command line what it wrote from a folder', async () => {
    const snapshot = tinySnapshot();
    const archive = path.join(snapshot, 'tiny.pt');
    const ran = await runCli(['import', snapshot, '-o', archive]);
    assert.equal(ran.status, 0, ran.stderr);
    assert.match(ran.stdout, /emotion2vec-64d-2\+2, 4\.5 M parameters, fp32/);
    assert.match(ran.stdout, /labels: angry, disgusted, .*, surprised, unknown/);
    const recognized = await runCli([
      'recognize',
      '--model',
      archive,
      '--precision',
      'fp32',
      '--format',
      'json',
      'test/fixtures/speech.wav',
    ]);
    const [result] = JSON.parse(recognized.stdout) as [{ scores: object; model: object }];
    assert.deepEqual(Object.keys(result.scores).at(-1), 'unknown');
    assert.deepEqual(result.model, { name: 'emotion2vec-64d-2+2', precision: 'fp32', device: 'cpu' });
    rmSync(snapshot, { recursive: true });
  });

  it('keeps Chinese and English names, and never lets an unused label win', async () => {
    const labels = LABELS.map((label, i) => ([0, 3].includes(i) ? 'unuse' : label));
    const snapshot = tinySnapshot(
      tinyWeights().set('proj.bias', { shape: [9], data: Float32Array.of(50, 0, 0, 40, 0, 0, 0, 0, 0) }),
      labels,
    );
    const archive = path.join(snapshot, 'tiny.pt');
    const { card } = await importCheckpoint(snapshot, archive);
    assert.deepEqual(card.labels[1], { name: 'disgusted', en: 'disgusted', zh: '厌恶', unused: false });
    assert.deepEqual(card.labels[8], { name: 'unknown', en: 'unknown', zh: '未知', unused: false });
    await using recognizer = new EmotionRecognizer({ model: archive, precision: 'fp32' });
    const { scores } = await recognizer.recognize({ samples: clip(1, 16000), sampleRate: 16000 });
    assert.deepEqual(Object.keys(scores), ['disgusted', 'fearful', 'neutral', 'other', 'sad', 'surprised', 'unknown']);
    const sum = Object.values(scores).reduce((total, score) => total + score, 0);
    assert.ok(Math.abs(sum - 1) < 1e-9);
    rmSync(snapshot, { recursive: true });
  });

  it('refuses a pickle that can run code, in any form', async () => {
    const attacks: Record<string, (p: Pickler) => Pickler> = {
      'os.system by reduce': (p) => p.global('os', 'system').raw('(').text('touch /tmp/owned').raw('t', 'R'),
      'nested in the weights': (p) =>
        p.dict([
          ['model', (q) => q.dict([['x', (r) => r.global('posix', 'system').raw('(').text('x').raw('t', 'R')]])],
        ]),
      'a builtin': (p) => p.global('builtins', 'eval').raw('(').text('1').raw('t', 'R'),
      getattr: (p) => p.global('__builtin__', 'getattr').raw('(').text('x').text('y').raw('t', 'R'),
      'by the instance opcode': (p) => p.raw('(').text('x').raw('isubprocess\nPopen\n'),
      'by the object opcode': (p) => p.raw('(').global('subprocess', 'check_output').text('x').raw('o'),
      'named on the stack': (p) => p.text('os').text('popen').raw(0x93).raw('(').text('x').raw('t', 'R'),
      'as a class': (p) => p.global('subprocess', 'Popen').raw('(').text('x').raw('t', 0x81),
      'a loader of pickles': (p) => p.global('torch', 'load').raw('(').text('x').raw('t', 'R'),
      'only referred to': (p) => p.global('os', 'system'),
    };
    for (const [name, attack] of Object.entries(attacks)) {
      writeSaved(source(), attack(new Pickler()).finish());
      await assert.rejects(importCheckpoint(source(), out), refused(/can run code/), name);
    }
  });

  it('refuses pickles with wrong lengths and references', async () => {
    const lies: Record<string, Buffer> = {
      'a string of 4 GiB': new Pickler().raw('X', 0xff, 0xff, 0xff, 0xff).finish(),
      'a string of 2^63 bytes': new Pickler().raw(0x8d, 0, 0, 0, 0, 0, 0, 0, 0x80).finish(),
      'an integer of 2 GiB': new Pickler().raw(0x8b, 0xff, 0xff, 0xff, 0x7f).finish(),
      'a negative integer length': new Pickler().raw(0x8b, 0xff, 0xff, 0xff, 0xff).finish(),
      'no end': Buffer.from([0x80, 2, 0x4e]),
      'nothing on the stack': new Pickler().finish(),
      'an unknown opcode': new Pickler().raw(0xff).finish(),
      'a mark that is missing': new Pickler().raw('t').finish(),
      'a memo that is missing': new Pickler().raw('h', 9).finish(),
      'a line without end': new Pickler().raw('cos').finish(),
      'a persistent id of its own': new Pickler().text('file:///etc/passwd').raw('Q').finish(),
      'no weights': new Pickler().raw('N').finish(),
      empty: Buffer.alloc(0),
    };
    for (const [name, pickle] of Object.entries(lies)) {
      writeSaved(source(), pickle);
      await assert.rejects(importCheckpoint(source(), out), refused(), name);
    }
  });

  it('reads deep nesting without a stack overflow', async () => {
    writeSaved(source(), new Pickler().raw(']').raw(Buffer.alloc(1_000_000, 0x85)).finish());
    await assert.rejects(importCheckpoint(source(), out), refused(/modality_encoders/));
  });

  it('refuses files that torch.save does not write', async () => {
    const pickle = new Pickler().raw('N').finish();
    writeSaved(source(), pickle, [], { compress: true });
    await assert.rejects(importCheckpoint(source(), out), refused(/torch\.save/));
    writeSaved(source(), pickle, [], { extra: { 'archive/code/__torch__.py': '' } });
    await assert.rejects(importCheckpoint(source(), out), refused(/TorchScript/));
    writeFileSync(source(), 'PK\x03\x04 and then nothing of the kind');
    await assert.rejects(importCheckpoint(source(), out), refused());
    writeFileSync(source(), '');
    await assert.rejects(importCheckpoint(source(), out), refused());
  });

  it('refuses a file that is cut off anywhere', async () => {
    const whole = withWeights(() => undefined);
    const size = readFileSync(whole).length;
    for (const part of [0.999999, 0.9, 0.5, 0.001]) {
      writeFileSync(source(), readFileSync(withWeights(() => undefined)));
      truncateSync(source(), Math.floor(size * part));
      await assert.rejects(importCheckpoint(source(), out), refused());
    }
  });

  it('names the tensor that is missing, of the wrong shape, too short for its shape, or not finite', async () => {
    const name = 'd2v_model.blocks.1.mlp.fc2.weight';
    const cases: [RegExp, (weights: Map<string, Stored>) => void][] = [
      [/blocks\.1\.mlp\.fc2\.weight/, (weights) => weights.delete(name)],
      [
        /blocks\.1\.mlp\.fc2\.weight.*\[4, 4\].*\[64, 256\]/,
        (w) => w.set(name, { shape: [4, 4], data: new Float32Array(16) }),
      ],
      [/blocks\.1\.mlp\.fc2\.weight/, (w) => w.set(name, { shape: [64, 256], data: new Float32Array(16) })],
      [/blocks\.1\.mlp\.fc2\.weight/, (w) => (w.get(name)!.data[77] = NaN)],
      [/proj\.weight/, (w) => w.delete('proj.weight')],
      [/modality_encoders/, (w) => w.clear()],
    ];
    for (const [message, change] of cases) {
      await assert.rejects(importCheckpoint(withWeights(change), out), refused(message));
    }
  });

  it('refuses labels that do not fit', async () => {
    withWeights(() => undefined);
    const tokens = path.join(folder, 'tokens.txt');
    for (const [text, message] of [
      ['a\nb\n', /\b2\b.*\b9\b/],
      [LABELS.map(() => '生气/angry').join('\n'), /\bangry\b/],
      [LABELS.map((_, i) => `unuse_${i}`).join('\n'), /tokens\.txt/],
    ] as const) {
      writeFileSync(tokens, text);
      await assert.rejects(importCheckpoint(source(), out), refused(message));
    }
    rmSync(tokens);
    await assert.rejects(importCheckpoint(source(), out), refused(/tokens\.txt/));
    writeFileSync(tokens, LABELS.join('\r\n'));
  });

  it('refuses impossible targets and sources before it reads anything', async () => {
    withWeights(() => undefined);
    const nowhere = path.join(folder, 'no/such/out.pt');
    await assert.rejects(importCheckpoint(source(), nowhere), refused(/out\.pt/, 'ERR_FILE_WRITE'));
    await assert.rejects(importCheckpoint(source(), folder), refused(/./, 'ERR_FILE_WRITE'));
    await assert.rejects(importCheckpoint(source(), source()), refused(/./, 'ERR_FILE_WRITE'));
    await assert.rejects(importCheckpoint('/no/such/file', out), refused(/\/no\/such\/file/, 'ERR_FILE_NOT_FOUND'));
    const empty = mkdtempSync(path.join(folder, 'empty-'));
    await assert.rejects(importCheckpoint(empty, out), refused(/empty-/, 'ERR_FILE_NOT_FOUND'));
    const precision = { precision: 'fp16' } as const;
    await assert.rejects(importCheckpoint(source(), out, precision), refused(/fp16/, 'ERR_PRECISION_UNSUPPORTED'));
  });

  it('accepts a plain state dict and other prefixes', async () => {
    const renamed = new Map(
      [...tinyWeights()].map(([name, tensor]) => [name.replace(/^d2v_model\./, 'module.'), tensor] as const),
    );
    const pickler = new Pickler();
    pickler.dict([...renamed].map(([name, tensor]) => [name, (p) => p.tensor(tensor)] as const));
    writeSaved(source(), pickler.finish(), pickler.storages);
    const archive = path.join(folder, 'bare.pt');
    const { parameters } = await importCheckpoint(source(), archive);
    assert.equal(
      parameters,
      [...renamed.values()].reduce((sum, { data }) => sum + data.length, 0),
    );
  });
});
