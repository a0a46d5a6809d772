import type { OracleCase } from '../case.js';
import { containerCases } from './containers.js';
import { linearCases } from './linear.js';
import { losslessCases } from './lossless.js';
import { mpegCases } from './mpeg.js';
import { telephoneCases } from './telephone.js';
import { xiphCases } from './xiph.js';

export const cases: readonly OracleCase[] = [
  ...linearCases,
  ...telephoneCases,
  ...losslessCases,
  ...mpegCases,
  ...xiphCases,
  ...containerCases,
];
