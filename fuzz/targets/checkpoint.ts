import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { importCheckpoint } from '../../lib/checkpoint/import.js';
import { EmotionError } from '../../lib/shared/errors.js';
import { Pickler } from '../../test/support/checkpoint.js';
import { LABELS, tinyWeights } from '../../test/support/tiny.js';
import { type ZipMember, zipOf } from '../../test/support/zip.js';
import { mutatePickle, mutateZip } from '../mutations.js';
import type { FuzzTarget } from '../target.js';

const folder = mkdtempSync(path.join(tmpdir(), 'fuzz-checkpoint-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
writeFileSync(path.join(folder, 'tokens.txt'), LABELS.join('\n'));

/** Number of elements in the storage that all tensors of the tiny network share. */
const ELEMENTS = 512 * 512 * 3;
const data: ZipMember[] = [
  { name: 'archive/byteorder', content: Buffer.from('little') },
  { name: 'archive/data/0', content: Buffer.alloc(4 * ELEMENTS) },
];

/** The whole import of a checkpoint. The input is the pickle alone, so that changes are not rejected by the checksum of the zip. */
export const target: FuzzTarget = {
  seeds: () => [tinyPickle()],
  dictionary: [
    'd2v_model.',
    'modality_encoders.AUDIO.',
    'proj.weight',
    'blocks.',
    'FloatStorage',
    'X\x01\0\0\x000',
    'J\0\0\0\0',
  ],
  mutate: (input, random) => mutatePickle(random() < 0.1 ? mutateZip(input, random) : input, random),
  async fuzz(input) {
    const file = path.join(folder, 'model.pt');
    const out = path.join(folder, 'out.pt');
    writeFileSync(file, zipOf([{ name: 'archive/data.pkl', content: input }, ...data]));
    try {
      await importCheckpoint(file, out);
    } catch (error) {
      if (!(error instanceof EmotionError) || error.code !== 'ERR_CHECKPOINT') throw error;
      if (error.what.length > 500) throw new Error(`a message of ${error.what.length} characters`, { cause: error });
    }
  },
};

/** Returns the pickle of the tiny network. All tensors share their data. */
function tinyPickle(): Buffer {
  const pickler = new Pickler();
  pickler.dict(
    [...tinyWeights()].map(([name, { shape }]) => [
      name,
      (p) => {
        const stride = shape.map((_, i) => shape.slice(i + 1).reduce((product, n) => product * n, 1));
        p.global('torch._utils', '_rebuild_tensor_v2').raw('((').text('storage').global('torch', 'FloatStorage');
        p.text('0').text('cpu').int(ELEMENTS).raw('tQ').int(0).ints(shape).ints(stride).raw('tR');
      },
    ]),
  );
  return pickler.finish();
}
