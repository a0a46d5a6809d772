import { verifyArchive } from '../archive/verify-archive.js';
import { openEmotionArchive } from '../model/emotion-archive.js';
import { builtInModels, resolveModel } from '../model/manifest.js';
import { formatBytes } from '../shared/bytes.js';
import { EXIT } from './exit-status.js';

export interface ModelsFlags {
  verify?: boolean;
}

/** `emotion2vec models [MODEL]`: lists the built-in models, describes one, or verifies checksums. Returns the exit status. */
export async function runModels(model: string | undefined, { verify }: ModelsFlags): Promise<number> {
  if (verify) await verifyModels(model);
  else if (model === undefined) listModels();
  else await describeModel(model);
  return EXIT.success;
}

async function verifyModels(model: string | undefined): Promise<void> {
  for (const name of model === undefined ? builtInModels().map((each) => each.name) : [model]) {
    const { members, bytes } = await verifyArchive(resolveModel(name));
    console.log(`${name}: OK, the checksums of all ${members} members (${formatBytes(bytes)}) match`);
  }
}

async function describeModel(model: string): Promise<void> {
  const { card, description } = await openEmotionArchive(resolveModel(model), { description: true });
  const lines = [`${card.name} ${card.version}`, card.description ?? [], card.license, card.source].flat();
  console.log(description ?? lines.join('\n'));
}

function listModels(): void {
  for (const { name, isDefault, bytes, languages, description, license } of builtInModels()) {
    console.log(`${name}${isDefault ? ' (default)' : ''}  ${formatBytes(bytes)}, ${languages.join(' + ')}`);
    console.log(`  ${description}`);
    console.log(`  ${license}`);
  }
  console.log('\nTo read what a model can and cannot do: emotion2vec models NAME');
  console.log('To use any other archive that follows the contract:');
  console.log('  emotion2vec recognize --model PATH.pt FILE...');
}
