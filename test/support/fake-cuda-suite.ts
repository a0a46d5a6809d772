import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { type FakeCuda, fakeCuda } from './fake-cuda.js';
import { importTiny } from './tiny.js';

/** Prepares the simulated device and the archive of the tiny model for a suite. Its tests are skipped where there is no compiler. */
export function fakeCudaSuite(): { fake: FakeCuda; tiny: string } {
  const suite = {} as { fake: FakeCuda; tiny: string };
  let folder: string | undefined;
  before(async function () {
    this.timeout(300_000); // the compiler reads libtorch's headers
    const fake = await fakeCuda();
    if (fake === undefined) {
      console.log('      skipped: there is no g++ here');
      this.skip();
    }
    folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-fake-cuda-'));
    Object.assign(suite, { fake, tiny: await importTiny(path.join(folder, 'tiny.pt')) });
  });
  after(() => folder && rmSync(folder, { recursive: true }));
  return suite;
}
