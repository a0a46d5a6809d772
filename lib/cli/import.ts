import { existsSync } from 'node:fs';

import { importCheckpoint } from '../checkpoint/import.js';
import { checkTarget } from '../model/target.js';
import type { Precision } from '../options/types.js';
import { removePartsOnInterrupt } from './interrupt.js';
import { prepare, withMeter } from './setup.js';

export interface ImportFlags {
  output: string;
  precision: Precision;
}

/** `emotion2vec import`. Returns the exit status. */
export async function runImport(source: string, { output, precision }: ImportFlags): Promise<number> {
  // What may be wrong is told before minutes of building: a missing source by the import itself, which looks for it first.
  if (existsSync(source)) {
    await checkTarget(output, source);
    await prepare();
  }
  const { card, official, parameters } = await removePartsOnInterrupt(() =>
    withMeter((meter) =>
      importCheckpoint(source, output, { precision, progress: (done, total) => meter((100 * done) / total) }),
    ),
  );
  const used = card.labels.filter((label) => !label.unused).map((label) => label.name);
  console.log(`${output}: ${card.name}, ${(parameters / 1e6).toFixed(1)} M parameters, ${card.precision}`);
  console.log(
    official ? `the official ${card.name}, to the byte` : 'not one of the official files known here by sha256',
  );
  console.log(`labels: ${used.join(', ')}`);
  return 0;
}
