import { cudaProblem } from '../../device/cuda.js';
import { formatBytes } from '../../shared/bytes.js';
import { remedyOf } from '../../shared/errors.js';
import type { Facts, ModelFacts } from '../facts.js';
import type { Finding } from '../finding.js';
import { cpuPrecisions, gpuPrecisions } from '../fit.js';

const REINSTALL = 'Install the package again: its folder models/ is incomplete.';

export function checkModels(facts: Facts): Finding[] {
  const findings = facts.models.map((model) => checkModel(facts, model));
  const { problem } = facts.modelProblem;
  if (problem === undefined) return findings;
  const detail = problem.what;
  const remedy = problem.remedy ?? REINSTALL;
  return [
    ...findings,
    { id: 'models.chosen', title: 'Model', status: 'error', kind: 'not-found', detail, remedy, data: { problem } },
  ];
}

function checkModel(facts: Facts, model: ModelFacts): Finding {
  const { name, path, bytes, builtIn, chosen, card } = model;
  const finding = { id: `models.${name}`, title: name };
  const { problem } = card;
  if (problem !== undefined) {
    return {
      ...finding,
      status: chosen ? 'error' : 'warning',
      kind: 'unreadable',
      detail: problem.what,
      remedy: builtIn ? REINSTALL : remedyOf(problem),
      data: { path, bytes, problem },
    };
  }
  const { precision, version } = card.value;
  const fits = fitsOf(facts, model);
  const detail = `${formatBytes(bytes)} in ${precision}${builtIn ? ', built in' : ''}; ${fitsText(fits)}`;
  const data = { path, bytes, precision, version, builtIn, chosen, fits };
  if (fits.cpu!.length > 0) return { ...finding, status: 'ok', detail, data };
  // If the chosen model does not fit, the finding about memory is the error.
  const remedy = 'Use it on a machine with more memory.';
  return { ...finding, status: 'warning', kind: 'too-little-memory', detail, remedy, data };
}

/** `fits as int8 on cpu; fp32, bf16, fp16, int8 on cuda:0 and cuda:1`, `too little memory on cpu` */
function fitsText(fits: Record<string, string[]>): string {
  const devices = new Map<string, string[]>();
  for (const [device, precisions] of Object.entries(fits)) {
    const text = precisions.join(', ');
    devices.set(text, [...(devices.get(text) ?? []), device]);
  }
  const none = devices.get('');
  devices.delete('');
  const some = [...devices].map(([text, names]) => `${text} on ${names.join(' and ')}`);
  return [
    ...(some.length > 0 ? [`fits as ${some.join('; ')}`] : []),
    ...(none === undefined ? [] : [`too little memory on ${none.join(' and ')}`]),
  ].join('; ');
}

/** Returns the precisions that a model can run in, by device. */
function fitsOf(facts: Facts, model: ModelFacts): Record<string, string[]> {
  const { system, memory, loader, libtorch, recognitions } = facts;
  const cpu: string[] = cpuPrecisions(model, system.platform.flags, memory.availableBytes);
  const ran = model.chosen ? recognitions[0]?.outcome.report.precision : undefined;
  const fits: Record<string, string[]> = { cpu: ran === undefined || cpu.includes(ran) ? cpu : [...cpu, ran] };
  const { driver } = loader.report;
  const found = libtorch.value;
  if (driver === undefined || found === undefined) return fits;
  driver.devices.forEach(({ bytesFree, bytesTotal }, index) => {
    if (cudaProblem(driver, found, index) !== undefined) return;
    fits[`cuda:${index}`] = gpuPrecisions(model, bytesFree ?? bytesTotal);
  });
  return fits;
}
