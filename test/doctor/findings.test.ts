import assert from 'node:assert/strict';

import type { Facts } from '../../lib/doctor/facts.js';
import { findingsOf, isHealthy } from '../../lib/doctor/findings.js';
import { problemOf } from '../../lib/doctor/known.js';
import { summary } from '../../lib/doctor/report.js';
import { EmotionError } from '../../lib/shared/errors.js';
import { crashed, failed, LIMITED_ADDRESSES } from './cases.js';
import { skipped, wellFacts } from './well-facts.js';

describe('the findings of the doctor', () => {
  it('report no problem where there is none', () => {
    const findings = findingsOf(wellFacts());
    assert.ok(isHealthy(findings));
    assert.deepEqual(
      findings.filter(({ status }) => status !== 'ok').map(({ id }) => id),
      ['devices.driver'],
    );
    assert.ok(findings.every(({ remedy }) => remedy === undefined));
    assert.equal(summary(findings).status, 'ok');
  });

  it('come in the order in which problems should be fixed', () => {
    const findings = findingsOf(
      wellFacts({
        libtorch: { value: undefined },
        cache: { path: '/cache', exists: true, blocked: false, writable: false, freeBytes: 1e12 },
        ...skipped('ERR_LIBTORCH_MISSING'),
      }),
    );
    const { status, text } = summary(findings);
    assert.equal(status, 'error');
    const cache = findings.find(({ id }) => id === 'software.cache')!;
    assert.ok(text.endsWith(`First thing to do: ${cache.remedy}`), text);
  });

  it('name the limit of the address space first, whatever crashes by it', () => {
    for (const facts of [
      crashed('clip', { signal: 'SIGTRAP' }),
      crashed('libtorch', { signal: 'SIGSEGV' }),
      failed('ERR_OUT_OF_MEMORY', {}, 'model'),
    ]) {
      const { text } = summary(findingsOf(wellFacts({ ...facts, memory: LIMITED_ADDRESSES })));
      assert.match(text, /First thing to do: .*ulimit -v unlimited/);
    }
  });

  it('include a check that fails', () => {
    const broken = { ...wellFacts(), processors: undefined } as unknown as Facts;
    const found = findingsOf(broken).find(({ id }) => id === 'doctor.checkCores')!;
    assert.deepEqual([found.status, found.kind], ['warning', 'failed']);
  });
});

describe('what the doctor makes of an error', () => {
  it('takes code, kind and remedy of those of this package', () => {
    const error = new EmotionError('ERR_PLATFORM', 'It is old', { kind: 'old-system', remedy: 'Renew it.' });
    assert.deepEqual(problemOf(error, 'ERR_MODEL_LOAD'), {
      code: 'ERR_PLATFORM',
      kind: 'old-system',
      what: 'It is old',
      remedy: 'Renew it.',
    });
  });

  it('gives other errors a code', () => {
    assert.deepEqual(problemOf(new Error('no.'), 'ERR_MODEL_LOAD'), { code: 'ERR_MODEL_LOAD', what: 'no' });
  });

  it('recognizes that memory ran out, also as the cause', () => {
    const cause = new RangeError('WebAssembly.instantiate(): Out of memory: Cannot allocate Wasm memory');
    assert.equal(problemOf(cause, 'ERR_MODEL_RUN').kind, 'memory');
    assert.equal(problemOf(new EmotionError('ERR_AUDIO_DECODE', 'x', { cause }), 'ERR_MODEL_RUN').kind, 'memory');
    const system = Object.assign(new Error('spawn'), { code: 'EAGAIN' });
    assert.equal(problemOf(system, 'ERR_PLATFORM').kind, 'memory');
  });
});
