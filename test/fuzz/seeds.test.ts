import { keptSeeds, loadTarget, readSeed, targetNames, tryInput } from '../../fuzz/target.js';

describe('inputs that were findings of fuzzing once', () => {
  for (const name of targetNames()) {
    it(`are read or refused: ${name}`, async () => {
      const target = await loadTarget(name);
      for (const seed of keptSeeds(name)) await tryInput(target, readSeed(seed));
    });
  }
});
