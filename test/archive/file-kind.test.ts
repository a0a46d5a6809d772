import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';

import { ZipFile } from 'yazl';

import { EmotionError, EmotionRecognizer } from '../../lib/index.js';
import { TorchModule } from '../../lib/torch.js';
import { explainLibtorch } from '../../lib/native/reason.js';
import { fixture } from '../support/paths.js';

const bytes = (...parts: (string | number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))));

async function zip(...names: string[]): Promise<Buffer> {
  const file = new ZipFile();
  for (const name of names) file.addBuffer(Buffer.from('x'), name, { compress: false });
  file.end();
  return buffer(file.outputStream);
}

function safetensors(): Buffer {
  const header = Buffer.from('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, Buffer.alloc(4)]);
}

const tar = () => Buffer.concat([bytes('pickle'), Buffer.alloc(251), bytes('ustar  '), Buffer.alloc(1000)]);

describe('files that are not TorchScript archives', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-'))));
  after(() => rmSync(folder, { recursive: true }));

  const kinds: [string, RegExp, RegExp, () => Buffer | Promise<Buffer>][] = [
    ['a .pt2', /torch\.export/, /torch\.jit/, () => zip('m/archive_format', 'm/models/model.json', 'm/data/weights/x')],
    [
      'a .pt2 of an older version',
      /torch\.export/,
      /torch\.jit/,
      () => zip('serialized_exported_program.json', 'version'),
    ],
    [
      'a state_dict',
      /checkpoint that torch\.save wrote/,
      /emotion2vec import/,
      () => zip('m/data.pkl', 'm/data/0', 'm/version'),
    ],
    [
      'a checkpoint in the old format',
      /checkpoint .* old format/,
      /emotion2vec import/,
      () => bytes([0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e]),
    ],
    ['a pickle', /Python pickle/, /Export/, () => bytes([0x80, 4, 0x95, 0, 0])],
    ['a tar', /tar archive/, /Unpack/, tar],
    ['ONNX', /ONNX model/, /onnxruntime/, () => bytes([8, 7, 0x12, 7], 'pytorch', [0x1a, 5], '2.0.0')],
    ['safetensors', /safetensors/, /weights and no code/, safetensors],
    ['GGUF', /GGUF/, /llama\.cpp/, () => bytes('GGUF', [3, 0, 0, 0])],
    ['HDF5', /HDF5/, /TensorFlow/, () => bytes('\x89HDF\r\n\x1a\n')],
    ['Keras', /Keras/, /TensorFlow/, () => zip('metadata.json', 'config.json', 'model.weights.h5')],
    ['a SavedModel', /TensorFlow SavedModel/, /TensorFlow/, () => bytes([8, 1, 0x12, 0x80, 1])],
    ['TFLite', /TensorFlow Lite/, /TensorFlow/, () => bytes([28, 0, 0, 0], 'TFL3')],
    ['ExecuTorch', /ExecuTorch/, /own runtime/, () => bytes([28, 0, 0, 0], 'ET12')],
    ['mobile bytecode', /Mobile/, /torch\.jit/, () => zip('m/bytecode.pkl', 'm/data.pkl')],
    [
      'Git LFS',
      /Git LFS pointer/,
      /git lfs pull/,
      () => bytes('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'),
    ],
    ['a web page', /web page/, /download the file itself/, () => bytes('\n<!DOCTYPE html><html>')],
    ['an error in XML', /XML/, /again/, () => bytes('<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>')],
    ['an error in JSON', /JSON/, /again/, () => bytes('{"error":"Entry not found"}')],
    ['nothing', /an empty file/, /again/, () => Buffer.alloc(0)],
    ['an npz', /NumPy/, /TorchScript/, () => zip('a.npy', 'b.npy')],
    ['another zip', /a zip file/, /unpack/, () => zip('model/model.pt', 'README')],
    ['gzip', /gzip/, /Unpack/, () => bytes([0x1f, 0x8b, 8])],
    ['random bytes', /unknown kind/, /TorchScript/, () => Buffer.alloc(5000, 0x5a)],
    ['a short one', /unknown kind/, /TorchScript/, () => bytes('P')],
  ];
  for (const [name, what, remedy, make] of kinds) {
    it(`${name} is named in the message, with a remedy`, async () => {
      const file = path.join(folder, 'model.pt');
      writeFileSync(file, await make());
      for (const attempt of [() => TorchModule.load(file), () => new EmotionRecognizer({ model: file }).warmUp()]) {
        await assert.rejects(attempt, (error: unknown) => {
          assert.ok(error instanceof EmotionError, String(error));
          assert.equal(error.code, 'ERR_MODEL_LOAD');
          assert.match(error.message, what);
          assert.match(error.remedy, remedy);
          assert.doesNotMatch(error.message, /contract/);
          return true;
        });
      }
    });
  }

  it('an archive that is cut off is refused', async () => {
    const file = path.join(folder, 'cut.pt');
    for (const share of [0.001, 0.5, 0.99]) {
      const whole = readFileSync(fixture('models/types.pt'));
      writeFileSync(file, whole);
      truncateSync(file, Math.ceil(share * whole.length));
      await assert.rejects(TorchModule.load(file), { code: 'ERR_MODEL_LOAD' });
    }
  });

  it('a changed byte is found wherever it matters', async () => {
    const whole = readFileSync(fixture('models/types.pt'));
    const file = path.join(folder, 'changed.pt');
    const last = whole.indexOf('PK\x01\x02', 0, 'latin1');
    let refused = 0;
    for (let at = 0; at < last; at += 61) {
      const changed = Buffer.from(whole);
      changed[at]! ^= 4;
      writeFileSync(file, changed);
      try {
        using module = await TorchModule.load(file);
        const { data } = (await module.forward([
          { dtype: 'float32', shape: [1, 3], data: Float32Array.of(1, 0, 1) },
        ])) as { data: Float32Array };
        assert.deepEqual(Array.from(data), [4.5, 9.5]); // padding between records
      } catch (error) {
        assert.equal((error as EmotionError).code, 'ERR_MODEL_LOAD', String(error));
        refused++;
      }
    }
    assert.ok(refused > 0);
  });

  it('an archive without a card is not an emotion model, but a TorchModule', async () => {
    await assert.rejects(new EmotionRecognizer({ model: fixture('models/types.pt') }).warmUp(), {
      code: 'ERR_MODEL_LOAD',
      message: /no emotion2vec\.json.*contract/,
    });
    using module = await TorchModule.load(fixture('models/types.pt'));
    assert.ok(module.methods.length > 0);
  });
});

describe('the reason of an error of libtorch', () => {
  it('is reported for a fixed device in the code of a model', async () => {
    using module = await TorchModule.load(fixture('models/cudaconst.pt'), { device: 'cpu' });
    await assert.rejects(
      module.forward([{ dtype: 'float32', shape: [1], data: Float32Array.of(1) }]),
      (error: unknown) => {
        assert.ok(error instanceof EmotionError);
        assert.equal(error.code, 'ERR_MODEL_RUN');
        assert.match(
          error.message,
          /Could not run 'aten::empty\.memory_format' with arguments from the 'CUDA' backend/,
        );
        assert.match(error.remedy, /export it again/);
        assert.ok(error.message.length < 500);
        return true;
      },
    );
  });

  // Messages of libtorch 2.11.
  const messages: [string, RegExp, RegExp | undefined][] = [
    [
      "forward() Expected a value of type 'Tensor' for argument 'x' but instead found type 'str'.\nPosition: 1\nValue: 'a'\nDeclaration: forward(__torch__.M self, Tensor x) -> Tensor\nCast error details: ...",
      /^forward\(\) Expected a value of type 'Tensor' for argument 'x'/,
      undefined,
    ],
    [
      '\nUnknown builtin op: torchvision::nms.\nCould not find any similar ops to torchvision::nms. This op may not exist or may not be currently supported in TorchScript.\n:\n  File "code/__torch__.py", line 9\n    losses = annotate(Tensor, x)\n             ~~~~~~~~ <--- HERE\n    return losses\n',
      /^Unknown builtin op: torchvision::nms$/,
      /operators of another library/,
    ],
    [
      'The following operation failed in the TorchScript interpreter.\nTraceback of TorchScript, serialized code (most recent call last):\n  File "code/__torch__.py", line 5, in forward\n    x = y\n        ~ <--- HERE\n\nTraceback of TorchScript, original code (most recent call last):\n  File "a.py", line 3, in forward\n    return 1\n           ~ <--- HERE\nRuntimeError: mat1 and mat2 shapes cannot be multiplied (1x2 and 3x2)\n',
      /^mat1 and mat2 shapes cannot be multiplied \(1x2 and 3x2\)$/,
      undefined,
    ],
    [
      'The following operation failed in the TorchScript interpreter.\nTraceback of TorchScript, original code (most recent call last):\n  File "a.py", line 3, in forward\n    return lstm_cell(\n           ~~~~~~~~~ <--- HERE\n        input,\n        hx,\n    )\nRuntimeError: input has inconsistent input_size: got 3 expected 16\n',
      /^input has inconsistent input_size: got 3 expected 16$/,
      undefined,
    ],
    ['x'.repeat(5000), /^x{297}\.\.\.$/, undefined],
    ['', /^$/, undefined],
  ];
  for (const [message, what, remedy] of messages) {
    it(`is the line that states the cause: ${what.source.slice(0, 40)}`, () => {
      const reason = explainLibtorch(message);
      assert.match(reason.what, what);
      if (remedy === undefined) assert.equal(reason.remedy, undefined);
      else assert.match(reason.remedy!, remedy);
    });
  }
});
