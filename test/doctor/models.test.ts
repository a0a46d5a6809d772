import assert from 'node:assert/strict';

import { SMALL_CONTAINER, testCases } from './cases.js';
import { finding, H100, LARGE, LIBTORCH, loaderDone, skipped, wellFacts } from './well-facts.js';

const well = wellFacts();
const GPU = { loader: loaderDone(H100), libtorch: { value: { ...LIBTORCH, cuda: true } } };
const ALL = ['fp32', 'bf16', 'fp16', 'int8'];

describe('what the doctor finds: models', () => {
  testCases({
    'a requested model that does not exist': {
      facts: {
        modelProblem: {
          problem: { code: 'ERR_MODEL_NOT_FOUND', what: 'There is no model "huge"', remedy: 'List them.' },
        },
      },
      id: 'models.chosen',
      status: 'error',
      kind: 'not-found',
      problem: { code: 'ERR_MODEL_NOT_FOUND' },
      detail: /"huge"/,
      remedy: /^List them\.$/,
    },
    'a built-in model that is truncated': {
      facts: {
        models: [{ ...well.models[0]!, card: { problem: { code: 'ERR_MODEL_LOAD', what: 'it is truncated' } } }],
      },
      id: 'models.small-en-de',
      status: 'error',
      kind: 'unreadable',
      problem: { code: 'ERR_MODEL_LOAD' },
      remedy: /models\//,
    },
    'another model that is truncated': {
      facts: {
        models: [
          well.models[0]!,
          { ...LARGE, chosen: false, card: { problem: { code: 'ERR_MODEL_LOAD', what: 'it is truncated' } } },
        ],
      },
      id: 'models.large.pt',
      status: 'warning',
      kind: 'unreadable',
    },
    'a model that does not fit': {
      facts: { memory: SMALL_CONTAINER, ...skipped('ERR_OUT_OF_MEMORY') },
      id: 'models.small-en-de',
      status: 'warning',
      kind: 'too-little-memory',
      data: { builtIn: true, fits: { cpu: [] } },
    },
    'a model that ran, whatever memory seems to be available': {
      facts: { memory: { ...SMALL_CONTAINER, availableBytes: 134e6, limitBytes: 150e6 } },
      id: 'models.small-en-de',
      status: 'ok',
      data: { fits: { cpu: ['fp32'] } },
    },
    'a model that fits on the CPU and on a GPU': {
      facts: { ...GPU, models: [LARGE] },
      id: 'models.large.pt',
      status: 'ok',
      data: { fits: { cpu: ['fp32', 'int8'], 'cuda:0': ALL } },
      detail: /^649 MB in fp32; fits as fp32, int8 on cpu; fp32, bf16, fp16, int8 on cuda:0$/,
    },
    'a model that fits on the CPU only in int8': {
      facts: {
        ...GPU,
        models: [LARGE],
        memory: { ...well.memory, availableBytes: 900e6 },
        ...skipped('ERR_OUT_OF_MEMORY'),
      },
      id: 'models.large.pt',
      status: 'ok',
      data: { fits: { cpu: ['int8'], 'cuda:0': ALL } },
    },
    'an archive in bf16 on a processor without it': {
      facts: {
        models: [{ ...LARGE, bytes: 325e6, card: { value: { ...LARGE.card.value, precision: 'bf16' } } }],
        ...skipped('ERR_TIMEOUT'),
      },
      id: 'models.large.pt',
      status: 'ok',
      data: { fits: { cpu: ['bf16'] } },
    },
  });

  it('equal devices are named together', () => {
    const two = { ...GPU, loader: loaderDone({ ...H100, devices: [H100.devices[0]!, H100.devices[0]!] }) };
    assert.match(
      finding(two, 'models.small-en-de').detail,
      /fp32, int8 on cpu; fp32, bf16, fp16, int8 on cuda:0 and cuda:1$/,
    );
  });

  it('an archive that fits once it is quantized: the command', () => {
    const facts = {
      models: [LARGE],
      memory: { ...well.memory, availableBytes: 900e6 },
      ...skipped('ERR_OUT_OF_MEMORY'),
    };
    assert.match(finding(facts, 'system.memory').remedy!, /`emotion2vec quantize \S+ \S+ --precision bf16`/);
  });
});
