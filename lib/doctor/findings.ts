import { messageOf } from '../shared/errors.js';
import { checkCache } from './checks/cache.js';
import { checkDevices } from './checks/devices.js';
import { checkCores, checkMemory } from './checks/limits.js';
import { checkModels } from './checks/models.js';
import { checkRecognitions } from './checks/recognition.js';
import { checkAddon, checkFfmpeg, checkLibtorch } from './checks/software.js';
import { checkEnvironment, checkLibc, checkNode, checkProcessor, checkSystem } from './checks/system.js';
import { REPORT } from './crash.js';
import type { Facts } from './facts.js';
import type { Finding } from './finding.js';

/** In the order in which problems should be fixed: one that comes first may be the reason for later ones. */
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

/** Judges the facts. Pure, and never throws: a check that throws becomes a finding too. */
export function findingsOf(facts: Facts): Finding[] {
  return CHECKS.flatMap((check): Finding[] => {
    try {
      return [check(facts) ?? []].flat().map(inOrder);
    } catch (error) {
      const detail = `${check.name} failed: ${messageOf(error)}`;
      return [
        { id: `doctor.${check.name}`, title: 'Doctor', status: 'warning', kind: 'failed', detail, remedy: REPORT },
      ];
    }
  });
}

/** Orders the fields as they should appear in JSON. */
function inOrder({ id, title, status, kind, detail, remedy, data }: Finding): Finding {
  return {
    id,
    title,
    status,
    ...(kind !== undefined && { kind }),
    detail,
    ...(remedy !== undefined && { remedy }),
    ...(data !== undefined && { data }),
  };
}

/** Returns whether recognition works on the CPU of this machine. */
export function isHealthy(findings: readonly Finding[]): boolean {
  return findings.every(({ status }) => status !== 'error') && findings.some(({ id }) => id === 'recognition.cpu');
}
