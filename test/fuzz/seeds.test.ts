import { keptSeeds, loadTarget, readSeed, targetNames, tryInput } from '../../fuzz/target.js';

describe('seeds and former findings of the fuzzer', () => {
  for (const name of targetNames()) {
    it(`are read or rejected: ${name}`, async () => {
      const target = await loadTarget(name);
      for (const seed of keptSeeds(name)) await tryInput(target, readSeed(seed));
    });
  }
});
