import { crc32 } from 'node:zlib';

import type { FuzzTarget } from '../target.js';
import { changedArchive, target as archive } from './torch-archive.js';

/**
 * Archives with modified code and numbers and correct checksums: unintended programs. There are no guarantees about what libtorch's
 * operators do with them (SECURITY.md). This target searches for faults in this package and is not part of CI.
 */
export const target: FuzzTarget = {
  ...archive,
  ci: false,
  mutate: (data, random) => changedArchive(data, random, ({ bytes }) => crc32(bytes)),
};
