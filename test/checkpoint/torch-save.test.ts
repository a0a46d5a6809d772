import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { verifyArchive } from '../../lib/archive/verify-archive.js';
import { Checkpoint } from '../../lib/checkpoint/checkpoint.js';
import { LazyTensor } from '../../lib/checkpoint/pickle-values.js';
import { EmotionError } from '../../lib/shared/errors.js';
import { root } from '../support/paths.js';

const PYTHON = process.env.EMOTION2VEC_PARITY_PYTHON ?? path.join(root, 'build/parity-venv/bin/python');

const SCRIPT = `
import collections, sys, torch
out = sys.argv[1]
numbers = torch.arange(12.).reshape(3, 4)
save = lambda name, content, **options: torch.save(content, f'{out}/{name}.pt', **options)
for protocol in 2, 3, 4, 5:
    save(f'read-protocol-{protocol}', {'model': {'w': numbers}}, pickle_protocol=protocol)
for dtype in torch.float16, torch.bfloat16, torch.float64:
    save(f'read-{str(dtype)[6:]}', {'model': {'w': numbers.to(dtype)}})
save('read-view', {'model': {'w': torch.cat([torch.ones(5), numbers.flatten()])[5:].view(3, 4)}})
parameter = torch.nn.Parameter(numbers.clone())
parameter.grad = torch.ones_like(parameter)
optimizer = torch.optim.Adam([parameter])
optimizer.step()
parameter.data = numbers
save('read-training', {
    'model': collections.OrderedDict(w=parameter), 'optimizer': optimizer.state_dict(), 'seed': 2 ** 200, 'bytes': b'x',
    'rng': torch.get_rng_state(), 'set': {1, 2}, 'counts': collections.Counter('aab'), 'nested': [({'a': (None, True)},)]})
save('refuse-old', {'model': {'w': numbers}}, _use_new_zipfile_serialization=False)
torch.serialization.set_crc32_options(False)
save('refuse-unchecked', {'model': {'w': numbers}})
`;

describe('files that torch.save writes', function () {
  let folder: string;
  before(function () {
    this.timeout(120_000); // Python may read torch from a cold disk
    if (!existsSync(PYTHON)) {
      console.log(`    skipped: needs ${PYTHON} (scripts/parity-venv.sh)`);
      return this.skip();
    }
    folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-torch-save-'));
    execFileSync(PYTHON, ['-c', SCRIPT, folder], { stdio: ['ignore', 'ignore', 'inherit'] });
  });
  after(() => folder && rmSync(folder, { recursive: true }));

  it('are read in every protocol and dtype, beside other training state, and only with checksums', async () => {
    for (const name of readdirSync(folder)) {
      const file = path.join(folder, name);
      if (name.startsWith('refuse')) {
        await assert.rejects(
          Checkpoint.open(file),
          (error) => error instanceof EmotionError && error.code === 'ERR_CHECKPOINT',
          name,
        );
        continue;
      }
      assert.ok((await verifyArchive(file)).bytes <= readFileSync(file).length, name);
      await using checkpoint = await Checkpoint.open(file);
      const model = (checkpoint.content as Map<string, unknown>).get('model') as Map<string, unknown>;
      const tensor = model.get('w');
      assert.ok(tensor instanceof LazyTensor, name);
      const { dtype, shape, data } = await checkpoint.read(tensor, 'w');
      assert.deepEqual(shape, [3, 4], name);
      const sixteen = dtype === 'float16' ? [0x3c00, 0x4980] : [0x3f80, 0x4130];
      const [one, eleven] = data instanceof Uint16Array ? sixteen : [1, 11];
      assert.deepEqual([data[0], data[1], data[11]], [0, one, eleven], name);
    }
  });
});
