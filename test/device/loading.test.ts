/** Each step of loading a model happens once: the driver is asked once, and the archive is opened once. */
import assert from 'node:assert/strict';

import { fakeCudaSuite } from '../support/fake-cuda-suite.js';
import { inChild } from '../support/in-child.js';

/** Counts the queries to the driver and the openings of archives. */
const COUNT = `const fs = require('node:fs/promises'); const { open } = fs; const opened = [];
  fs.open = (file, ...rest) => { if (String(file).endsWith('.pt')) opened.push(file); return open(file, ...rest); };
  const { dlopen } = process; let asked = 0;
  process.dlopen = (target, ...rest) => {
    dlopen.call(process, target, ...rest);
    const { exports } = target;
    if ('cudaDriver' in exports) target.exports = Object.create(exports, { cudaDriver: { value: () => { asked++; return exports.cudaDriver(); } } });
  };
  const counts = () => print([asked, opened.length]);`;

describe('loading', function () {
  this.timeout(120_000);

  const cases: [what: string, script: string][] = [
    ['a TorchScript module', `(await TorchModule.load('models/small-en-de.pt', { device: DEVICE })).dispose();`],
    [
      'an emotion model',
      `const r = new EmotionRecognizer({ device: DEVICE }); await Promise.all([SPEECH, SPEECH].map((clip) => r.recognize(clip))); await r.close();`,
    ],
  ];
  for (const [what, script] of cases) {
    it(`asks the driver once and opens the archive once: ${what}, without a GPU`, async () => {
      assert.deepEqual(await inChild({}, `${COUNT} ${script.replace('DEVICE', "'auto'")} counts();`), [[1, 1]]);
    });
  }

  describe('on a simulated GPU', () => {
    const suite = fakeCudaSuite();
    for (const [what, script] of cases) {
      for (const device of ['auto', 'cuda:0']) {
        it(`asks the driver once and opens the archive once: ${what} on ${device}`, async () => {
          const statements = `${COUNT} ${script.replace('DEVICE', `'${device}'`)} counts();`;
          assert.deepEqual(await inChild(suite.fake.env(), statements), [[1, 1]]);
        });
      }
    }
  });
});
