import { readCard, readWords } from '../model/card-file.js';
import { builtInModels, resolveModel } from '../model/manifest.js';

/** `emotion2vec models [MODEL]`: the built-in models and how to use others, or what is known of one. */
export async function runModels(model: string | undefined): Promise<number> {
  if (model !== undefined) {
    const archive = resolveModel(model);
    const { name, version, description, licence, source } = await readCard(archive);
    const words = await readWords(archive);
    console.log(words ?? [`${name} ${version}`, ...(description ? [description] : []), licence, source].join('\n'));
    return 0;
  }
  for (const model of builtInModels()) {
    const size = `${(model.bytes / 1e6).toFixed(1)} MB`;
    console.log(`${model.name}${model.isDefault ? ' (default)' : ''}  ${size}, ${model.languages.join(' + ')}`);
    console.log(`  ${model.description}`);
    console.log(`  ${model.licence}`);
  }
  console.log('\nWhat one can and cannot do: emotion2vec models NAME');
  console.log('Any archive that follows the contract works too: emotion2vec recognize --model PATH.pt FILE...');
  return 0;
}
