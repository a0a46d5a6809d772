import { existsSync } from 'node:fs';

import { quantizeArchive } from '../model/quantize.js';
import { checkTarget } from '../model/target.js';
import type { QuantizeOptions } from '../options/types.js';
import { formatMillions, formatPercent } from '../output/text.js';
import { formatBytes } from '../shared/bytes.js';
import { EXIT } from './exit-status.js';
import { removePartsOnInterrupt } from './interrupt.js';
import { prepare } from './setup.js';

export type QuantizeFlags = Required<QuantizeOptions>;

/** `emotion2vec quantize`. Returns the exit status. */
export async function runQuantize(source: string, out: string, { precision }: QuantizeFlags): Promise<number> {
  // Wrong arguments are reported before minutes of building. quantizeArchive itself checks first that the source exists.
  if (existsSync(source)) {
    await checkTarget(out, source);
    await prepare();
  }
  const report = await removePartsOnInterrupt(() => quantizeArchive(source, out, { precision }));
  const { convertedLayers, unchangedLayers, parameters, convertedParameters, fileBytesBefore, fileBytesAfter } = report;
  const share = formatPercent(convertedParameters / parameters);
  console.log(`${out}: ${precision}, ${convertedLayers} of ${convertedLayers + unchangedLayers} linear layers`);
  console.log(`${share} of ${formatMillions(parameters)} parameters were converted; the others are unchanged`);
  console.log(`${formatBytes(fileBytesBefore)} -> ${formatBytes(fileBytesAfter)}`);
  return EXIT.success;
}
