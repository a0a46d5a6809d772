import { crc32 } from 'node:zlib';

import type { FuzzTarget } from '../target.js';
import { changedArchive, target as archive } from './torch-archive.js';

/**
 * Archives with other code and other numbers, and checksums that are right: programs that nobody meant. What libtorch's operators do
 * with them is not promised (SECURITY.md), so this is a search for faults of ours, and not part of CI.
 */
export const target: FuzzTarget = {
  ...archive,
  ci: false,
  mutate: (data, random) => changedArchive(data, random, ({ bytes }) => crc32(bytes)),
};
