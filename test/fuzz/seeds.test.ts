import { keptSeeds, loadTarget, readSeed, targetNames, tryInput } from '../../fuzz/target.js';

describe('what fuzzing begins with, and what it found once', () => {
  for (const name of targetNames()) {
    it(`is read or refused: ${name}`, async () => {
      const target = await loadTarget(name);
      for (const seed of keptSeeds(name)) await tryInput(target, readSeed(seed));
    });
  }
});
