import { formatBytes } from '../../shared/bytes.js';
import { cudaProblem } from '../../device/cuda.js';
import type { Facts, ModelFacts } from '../facts.js';
import type { Finding } from '../finding.js';
import { cpuPrecisions, gpuPrecisions } from '../fit.js';

export function checkModels(facts: Facts): Finding[] {
  const findings = facts.models.map((model) => checkModel(facts, model));
  const { problem } = facts.modelProblem;
  if (problem === undefined) return findings;
  const remedy = problem.remedy ?? 'Install the package again: its folder models/ is not whole.';
  return [...findings, { id: 'models.chosen', title: 'Model', status: 'error', detail: problem.what, remedy }];
}

function checkModel(facts: Facts, model: ModelFacts): Finding {
  const { name, path, bytes, builtIn, chosen, card } = model;
  const finding = { id: `models.${name}`, title: name };
  if (card.problem !== undefined) {
    const remedy = builtIn
      ? 'Install the package again: its folder models/ is not whole.'
      : (card.problem.remedy ?? 'Give the path of a .pt archive.');
    return {
      ...finding,
      status: chosen ? 'error' : 'warning',
      detail: card.problem.what,
      remedy,
      data: { path, bytes },
    };
  }
  const { precision, version } = card.value;
  const fits = fitsOf(facts, model);
  const detail = `${formatBytes(bytes)} in ${precision}${builtIn ? ', built in' : ''}; ${fitsText(fits)}`;
  const data = { path, bytes, precision, version, builtIn, chosen, fits };
  // Of memory that does not do for the chosen one, the memory's finding tells.
  return { ...finding, status: fits.cpu!.length > 0 ? 'ok' : 'warning', detail, data, ...smaller(fits.cpu!) };
}

/** "fits as int8 on cpu; fp32, bf16, fp16, int8 on cuda:0 and cuda:1", "too little memory on cpu" */
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

function smaller(fits: readonly string[]): { remedy?: string } {
  return fits.length > 0 ? {} : { remedy: 'Use it where there is more memory.' };
}

/** The precisions that a model may run in, by device. */
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
