import { checkDevices } from './checks/devices.js';
import { checkModels } from './checks/models.js';
import { checkRecognitions } from './checks/recognition.js';
import { checkAddon, checkCache, checkFfmpeg, checkLibtorch } from './checks/software.js';
import {
  checkCores,
  checkEnvironment,
  checkLibc,
  checkMemory,
  checkNode,
  checkProcessor,
  checkSystem,
} from './checks/system.js';
import { REPORT } from './crash.js';
import type { Facts } from './facts.js';
import { type Finding, known } from './finding.js';

/** In the order in which one would mend it: what comes first may be why something later is not well. */
const CHECKS: readonly ((facts: Facts) => Finding | Finding[] | undefined)[] = [
  checkNode,
  checkSystem,
  checkLibc,
  checkProcessor,
  checkCores,
  checkMemory,
  checkEnvironment,
  checkCache,
  checkLibtorch,
  checkAddon,
  checkFfmpeg,
  checkDevices,
  checkModels,
  checkRecognitions,
];

/** What the facts mean. Pure, and never throws: a check that fails is a finding too. */
export function findingsOf(facts: Facts): Finding[] {
  return CHECKS.flatMap((check): Finding[] => {
    const { value, problem } = known(() => check(facts) ?? []);
    if (problem === undefined) return [value].flat().map(inOrder);
    const detail = `${check.name} failed: ${problem.what}`;
    return [{ id: `doctor.${check.name}`, title: 'The doctor', status: 'warning', detail, remedy: REPORT }];
  });
}

/** As a person reads its JSON. */
function inOrder({ id, title, status, detail, remedy, data }: Finding): Finding {
  return { id, title, status, detail, ...(remedy !== undefined && { remedy }), ...(data !== undefined && { data }) };
}

/** Whether recognition works here, on the CPU. */
export function isWell(findings: readonly Finding[]): boolean {
  return findings.every(({ status }) => status !== 'error') && findings.some(({ id }) => id === 'recognition.cpu');
}
