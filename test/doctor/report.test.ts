import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { stripVTControlCharacters } from 'node:util';

import type { Facts } from '../../lib/doctor/facts.js';
import { findingsOf } from '../../lib/doctor/findings.js';
import { reportText, summary } from '../../lib/doctor/report.js';
import { H100, LARGE, LIBTORCH, loaderDone, recognized, skipped, wellFacts } from './well-facts.js';

const text = (changes: Partial<Facts>, options = { width: 80, colour: false }) =>
  reportText(findingsOf(wellFacts(changes)), '1.2.3', options);

const BROKEN: Partial<Facts> = {
  libtorch: {
    problem: {
      code: 'ERR_LIBTORCH_MISSING',
      what: `LIBTORCH is ${'/a-long-folder'.repeat(12)}, which holds no torch`,
      remedy: 'Correct LIBTORCH, or unset it and run `npx emotion2vec setup`.',
    },
  },
  models: [{ ...LARGE, name: 'a-model-with-quite-a-long-name.pt' }],
  ...skipped('ERR_LIBTORCH_MISSING', 'libtorch is not usable'),
};

describe("the doctor's report", () => {
  for (const width of [60, 80, 100]) {
    it(`has lines of at most ${width} characters, colored or not, and keeps every word`, () => {
      for (const facts of [{}, BROKEN, { loader: loaderDone(H100) }]) {
        const plain = text(facts, { width, colour: false });
        assert.deepEqual(
          plain.split('\n').filter((line) => line.length > width),
          [],
        );
        const colored = text(facts, { width, colour: true });
        assert.notEqual(colored, plain);
        assert.equal(stripVTControlCharacters(colored), plain);
        const run = plain.replace(/\s+/g, '');
        for (const { detail, remedy = '' } of findingsOf(wellFacts(facts))) {
          assert.ok(run.includes(detail.replace(/\s+/g, '')), detail);
          assert.ok(run.includes(remedy.replace(/\s+/g, '')), remedy);
        }
      }
    });
  }

  it('groups by topic, with a mark for each', () => {
    const lines = text(BROKEN).split('\n');
    assert.deepEqual(
      lines.filter((line) => /^[A-Z]/.test(line)),
      ['System', 'Software', 'Devices', 'Models', 'Recognition'],
    );
    assert.ok(lines.includes('  ✓ Node.js         22.1.0'));
    assert.ok(lines.some((line) => line.startsWith('  ✗ libtorch        LIBTORCH is')));
  });

  it('keeps a command on one line, and a number with its unit', () => {
    for (let width = 60; width <= 100; width++) {
      const report = text(BROKEN, { width, colour: false });
      assert.match(report, /`npx emotion2vec setup`/);
      assert.match(text({}, { width, colour: false }), / 11 ms\b/);
    }
  });

  it("abbreviates the user's home folder to ~", () => {
    const cache = {
      path: `${homedir()}/.cache/emotion2vec-node`,
      exists: true,
      blocked: false,
      writable: true,
      freeBytes: null,
    };
    assert.match(text({ cache }), /✓ Cache {11}~\/\.cache\/emotion2vec-node\n/);
  });

  it('ends with what works and the first thing to do', () => {
    assert.match(text({}), /\n\n✓ Recognition works here, on the CPU\.\n$/);
    assert.match(
      text({ loader: loaderDone(H100) }),
      /\n! Recognition works here, on the CPU\. One thing could be better\. CUDA\s+driver:\s+Run\s+`npx emotion2vec setup --cuda`/,
    );
    const failing: Partial<Facts> = {
      recognitions: [
        { device: 'cpu', outcome: recognized('cpu') },
        {
          device: 'cuda:0',
          outcome: {
            end: 'failed',
            stage: 'model',
            problem: { code: 'ERR_MODEL_LOAD', what: 'it failed', remedy: 'Free some.' },
            report: {},
          },
        },
      ],
    };
    assert.match(text(failing), /One thing could be better\.\s+Recognition\s+on\s+cuda:0:\s+Free some\.\n$/);
    assert.match(text(BROKEN), /\n✗ Recognition does not work here\. First thing to do: Correct LIBTORCH/);
    const gpu = wellFacts({
      loader: loaderDone(H100),
      libtorch: { value: { ...LIBTORCH, cuda: true } },
      recognitions: [
        { device: 'cpu', outcome: recognized('cpu') },
        { device: 'cuda:0', outcome: recognized('cuda:0') },
      ],
    });
    assert.equal(summary(findingsOf(gpu)).text, 'Recognition works here, on the CPU and on cuda:0.');
  });
});
