import assert from 'node:assert/strict';

import type { Facts } from '../../lib/doctor/facts.js';
import type { FindingKind, Status } from '../../lib/doctor/finding.js';
import { findingsOf, isHealthy } from '../../lib/doctor/findings.js';
import type { RecognitionReport, Stage } from '../../lib/doctor/probe/protocol.js';
import type { ErrorCode, Problem } from '../../lib/shared/errors.js';
import { finding, wellFacts } from './well-facts.js';

/** Facts that differ from those of a machine without problems, and the finding that must report them. */
export interface Case {
  facts: Partial<Facts>;
  id: string;
  status: Status;
  kind?: FindingKind;
  /** The parts of the finding's data to compare. */
  data?: Record<string, unknown>;
  /** Code and kind of the problem in the data. */
  problem?: Partial<Problem>;
  /** Where the wording matters: names, numbers and commands that a user needs. */
  detail?: RegExp;
  remedy?: RegExp;
}

/** Defines a test for each case. */
export function testCases(cases: Record<string, Case>): void {
  for (const [name, { facts, id, status, kind, data = {}, problem = {}, detail, remedy }] of Object.entries(cases)) {
    it(name, () => {
      const found = finding(facts, id);
      assert.deepEqual({ status: found.status, kind: found.kind }, { status, kind }, found.detail);
      assertPart(found.data ?? {}, data);
      assertPart((found.data?.['problem'] ?? {}) as Record<string, unknown>, problem);
      if (detail !== undefined) assert.match(found.detail, detail);
      if (remedy !== undefined) assert.match(found.remedy!, remedy);
      const findings = findingsOf(wellFacts(facts));
      for (const each of findings) {
        const bad = each.status === 'warning' || each.status === 'error';
        assert.equal(each.remedy !== undefined, bad, `${each.id}: a remedy for problems, and only for them`);
        if (bad) assert.ok(each.kind !== undefined, `${each.id} has no kind`);
        if (bad) assert.match(each.remedy!, /^[A-Z].*[.)]$/);
        assert.doesNotMatch(each.detail, /undefined|NaN|\.$/);
      }
      if (status === 'error') assert.ok(!isHealthy(findings));
      assert.equal(new Set(findings.map((each) => each.id)).size, findings.length);
    });
  }
}

function assertPart(whole: Record<string, unknown>, part: Record<string, unknown>): void {
  assert.deepEqual(Object.fromEntries(Object.keys(part).map((key) => [key, whole[key]])), part);
}

/** The recognition on the CPU crashed. */
export function crashed(
  stage: Stage,
  end: { signal?: string; status?: number; stderr?: string },
  report: Partial<RecognitionReport> = {},
): Partial<Facts> {
  const outcome = { end: 'crashed', stage, signal: null, status: null, stderr: '', ...end, report } as const;
  return { recognitions: [{ device: 'cpu', outcome }] };
}

/** The recognition on the CPU ended with an error. */
export function failed(code: ErrorCode, problem: Partial<Problem> = {}, stage: Stage = 'libtorch'): Partial<Facts> {
  const error = { code, what: 'it failed', remedy: 'The advice of the error.', ...problem };
  return { recognitions: [{ device: 'cpu', outcome: { end: 'failed', stage, problem: error, report: {} } }] };
}

/** Memory with `ulimit -v`. */
export const LIMITED_ADDRESSES: Facts['memory'] = { ...wellFacts().memory, addressSpaceBytes: 2e9 };
/** A container that is too small for the built-in model. */
export const SMALL_CONTAINER: Facts['memory'] = {
  totalBytes: 16e9,
  availableBytes: 90e6,
  limitBytes: 100e6,
  addressSpaceBytes: null,
};
