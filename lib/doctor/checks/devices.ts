import { formatBytes } from '../../shared/bytes.js';
import { cudaProblem, cudaText } from '../../device/cuda.js';
import type { CudaDriver } from '../../native/binding.js';
import { LIFT_SPACE, probeProblem } from '../crash.js';
import type { Facts } from '../facts.js';
import type { Finding } from '../finding.js';
import { gpuPrecisions } from '../fit.js';

/** NVIDIA's driver, and each of its devices. */
export function checkDevices(facts: Facts): Finding[] {
  const { driver } = facts.loader.report;
  if (driver === undefined) return [checkUnasked(facts)];
  if (driver.state !== 'ready' || driver.devices.length === 0) return [checkDriver(facts, driver)];
  const problems = driver.devices.map((_, index) => problemOf(facts, driver, index));
  // What is wrong with all, such as a driver that is too old, is told once.
  const common = problems.every((problem) => problem !== undefined && problem.what === problems[0]!.what);
  const finding = { id: 'devices.driver', title: 'CUDA driver', data: { ...driver, devices: undefined } };
  const detail = [driver.release, `CUDA ${cudaText(driver.version)}`].filter(Boolean).join(', ');
  const findings: Finding[] = [
    common
      ? { ...finding, status: 'warning', detail: problems[0]!.what, remedy: problems[0]!.remedy }
      : { ...finding, status: 'ok', detail },
  ];
  driver.devices.forEach((device, index) => {
    const { name, bytesFree, bytesTotal } = device;
    const memory =
      bytesFree === null ? formatBytes(bytesTotal) : `${formatBytes(bytesFree)} of ${formatBytes(bytesTotal)} free`;
    const each = { id: `devices.cuda:${index}`, title: `cuda:${index}`, data: { ...device } };
    const problem = common ? undefined : problems[index];
    if (problem !== undefined) {
      findings.push({ ...each, status: 'warning', detail: problem.what, remedy: problem.remedy });
      return;
    }
    const plain = `${name}, ${memory}`;
    if (common || facts.libtorch.value === undefined) {
      findings.push({ ...each, status: 'info', detail: plain });
      return;
    }
    const chosen = facts.models.find((model) => model.chosen);
    if (chosen?.card.value !== undefined && gpuPrecisions(chosen, bytesFree ?? bytesTotal).length === 0) {
      const remedy = 'End what else uses the device, or use a smaller model.';
      findings.push({ ...each, status: 'warning', detail: `${plain}: too little for ${chosen.name}`, remedy });
      return;
    }
    findings.push({ ...each, status: 'ok', detail: plain });
  });
  return findings;
}

/** Where libtorch is not there, what can be told of the driver and the device alone. */
function problemOf({ libtorch, environment }: Facts, driver: CudaDriver, index: number) {
  return cudaProblem(driver, libtorch.value ?? { root: '', cuda: true, cudaVersion: undefined }, index, environment);
}

/** A driver that does not work, or that finds no device. */
function checkDriver(facts: Facts, driver: CudaDriver): Finding {
  const finding = { id: 'devices.driver', title: 'CUDA driver', data: { ...driver, gpus: facts.gpus } };
  const problem = problemOf(facts, driver, 0);
  const { gpus } = facts;
  if (driver.state === 'missing') {
    if (gpus === 0) return { ...finding, status: 'info', detail: 'no NVIDIA driver here: everything runs on the CPU' };
    const detail = `no NVIDIA driver here, though there ${gpus === 1 ? 'is an NVIDIA GPU' : `are ${gpus} NVIDIA GPUs`}`;
    const remedy = 'Install the driver, or, in a container, pass the devices through (docker run --gpus all).';
    return { ...finding, status: 'warning', detail, remedy };
  }
  if (problem === undefined) return { ...finding, status: 'info', detail: 'no CUDA device' };
  const status = problem.hardware ? 'warning' : 'info';
  return { ...finding, status, detail: problem.what, ...(status === 'warning' && { remedy: problem.remedy }) };
}

/** The driver could not be asked. */
function checkUnasked(facts: Facts): Finding {
  const { loader, gpus } = facts;
  const finding = { id: 'devices.driver', title: 'CUDA driver', data: { gpus } };
  const problem = probeProblem(loader, facts)!;
  const found = gpus === 0 ? '' : ` (NVIDIA GPUs on the PCI bus: ${gpus})`;
  // Of the addon another finding tells.
  if (loader.end === 'done' || loader.end === 'skipped' || loader.stage !== 'driver') {
    return { ...finding, status: 'info', detail: `could not be asked without the addon${found}` };
  }
  const remedy = problem.remedy === LIFT_SPACE ? LIFT_SPACE : 'Check `nvidia-smi`; until then use device "cpu".';
  return { ...finding, status: 'warning', detail: `${problem.what}${found}`, remedy };
}
