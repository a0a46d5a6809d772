import { importLarge, modelFolder } from '../support/full-size.js';
import { describeGpu } from './gpu.js';
import { itIsOnPar } from './parity.js';

const SECOND = 16000;
/** FULL=1 runs these tests on the fake device too, with short clips, because it has no fast fp16. */
const ON_FAKE = process.env.FULL !== undefined;

describeGpu(
  'on the GPU: emotion2vec+ large, 162 M seeded weights',
  () => {
    let models: ReturnType<typeof modelFolder> | undefined;
    let large: string;
    before(async function () {
      this.timeout(600_000);
      models = modelFolder();
      large = await importLarge(models.folder);
    });
    after(() => models?.remove());
    itIsOnPar({
      archive: () => Promise.resolve(large),
      lengths: [720, SECOND, 3 * SECOND, ...(ON_FAKE ? [] : [10 * SECOND, 30 * SECOND, 60 * SECOND])],
      batches: ON_FAKE ? [1] : [3, 15],
      longest: ON_FAKE ? SECOND : 4 * SECOND,
    });
  },
  { fake: ON_FAKE },
);
