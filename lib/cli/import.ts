import { existsSync } from 'node:fs';

import { importCheckpoint } from '../checkpoint/import.js';
import { checkTarget } from '../model/target.js';
import type { Precision } from '../options/types.js';
import { formatMillions } from '../output/text.js';
import { EXIT } from './exit-status.js';
import { removePartsOnInterrupt } from './interrupt.js';
import { withProgress } from './progress.js';
import { prepare } from './setup.js';

export interface ImportFlags {
  output: string;
  precision: Precision;
}

/** `emotion2vec import`. Returns the exit status. */
export async function runImport(source: string, { output, precision }: ImportFlags): Promise<number> {
  // Wrong arguments are reported before minutes of building. importCheckpoint itself checks first that the source exists.
  if (existsSync(source)) {
    await checkTarget(output, source);
    await prepare();
  }
  const { card, official, parameters } = await removePartsOnInterrupt(() =>
    withProgress((progress) => importCheckpoint(source, output, { precision, progress })),
  );
  const labels = card.labels.filter((label) => !label.unused).map((label) => label.name);
  console.log(`${output}: ${card.name}, ${formatMillions(parameters)} parameters, ${card.precision}`);
  console.log(
    official
      ? `the checkpoint is identical to the official ${card.name}`
      : 'the checkpoint is not one of the official files with a known SHA-256',
  );
  console.log(`labels: ${labels.join(', ')}`);
  return EXIT.success;
}
