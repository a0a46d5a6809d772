import { verifyArchive } from '../archive/verify-archive.js';
import { formatBytes } from '../shared/bytes.js';
import { openEmotionArchive } from '../model/emotion-archive.js';
import { builtInModels, resolveModel } from '../model/manifest.js';

export interface ModelsFlags {
  verify?: boolean;
}

/** `emotion2vec models [MODEL]`: the built-in models and how to use others, what is known of one, or whether it is whole. */
export async function runModels(model: string | undefined, { verify }: ModelsFlags): Promise<number> {
  if (verify) {
    for (const name of model === undefined ? builtInModels().map((each) => each.name) : [model]) {
      const { members, bytes } = await verifyArchive(resolveModel(name));
      console.log(`${name}: whole, ${members} members of ${formatBytes(bytes)} have their checksums`);
    }
    return 0;
  }
  if (model !== undefined) {
    const { card, description } = await openEmotionArchive(resolveModel(model), { description: true });
    const lines = [`${card.name} ${card.version}`, card.description ?? [], card.license, card.source].flat();
    console.log(description ?? lines.join('\n'));
    return 0;
  }
  for (const model of builtInModels()) {
    const size = `${(model.bytes / 1e6).toFixed(1)} MB`;
    console.log(`${model.name}${model.isDefault ? ' (default)' : ''}  ${size}, ${model.languages.join(' + ')}`);
    console.log(`  ${model.description}`);
    console.log(`  ${model.license}`);
  }
  console.log('\nWhat one can and cannot do: emotion2vec models NAME');
  console.log('Any archive that follows the contract works too: emotion2vec recognize --model PATH.pt FILE...');
  return 0;
}
