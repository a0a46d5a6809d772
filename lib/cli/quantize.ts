import { existsSync } from 'node:fs';

import { quantizeArchive } from '../model/quantize.js';
import { checkTarget } from '../model/target.js';
import type { QuantizeOptions } from '../options/types.js';
import { removePartsOnInterrupt } from './interrupt.js';
import { prepare } from './setup.js';

export type QuantizeFlags = Required<QuantizeOptions>;

/** `emotion2vec quantize`. Returns the exit status. */
export async function runQuantize(source: string, out: string, { precision }: QuantizeFlags): Promise<number> {
  // What may be wrong is told before minutes of building: a missing source by quantizeArchive, which looks for it first.
  if (existsSync(source)) {
    await checkTarget(out, source);
    await prepare();
  }
  const done = await removePartsOnInterrupt(() => quantizeArchive(source, out, { precision }));
  const { convertedLayers, unchangedLayers, parameters, convertedParameters } = done;
  const share = ((100 * convertedParameters) / parameters).toFixed(1);
  console.log(`${out}: ${precision}, ${convertedLayers} of ${convertedLayers + unchangedLayers} linear layers`);
  console.log(`${share} % of ${(parameters / 1e6).toFixed(1)} M parameters; the rest is as it was`);
  console.log(`${megabytes(done.fileBytesBefore)} -> ${megabytes(done.fileBytesAfter)}`);
  return 0;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
