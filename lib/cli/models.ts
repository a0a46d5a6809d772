import { builtInModels } from '../model/manifest.js';

/** `emotion2vec models`: the built-in models and how to use others. */
export function runModels(): number {
  for (const model of builtInModels()) {
    const size = `${(model.bytes / 1e6).toFixed(1)} MB`;
    console.log(`${model.name}${model.isDefault ? ' (default)' : ''}  ${size}, ${model.languages.join(' + ')}`);
    console.log(`  ${model.description}`);
    console.log(`  ${model.licence}`);
  }
  console.log('\nAny archive that follows the contract works too: emotion2vec recognize --model PATH.pt FILE...');
  return 0;
}
