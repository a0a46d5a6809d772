import { cudaProblem, cudaText } from '../../device/cuda.js';
import type { CudaDriver } from '../../native/binding.js';
import { formatBytes } from '../../shared/bytes.js';
import { probeProblem } from '../crash.js';
import type { Facts } from '../facts.js';
import type { Finding } from '../finding.js';
import { gpuPrecisions } from '../fit.js';

/** Checks NVIDIA's driver, and each of its devices. */
export function checkDevices(facts: Facts): Finding[] {
  const { driver } = facts.loader.report;
  if (driver === undefined) return [checkUnknownDriver(facts)];
  if (driver.state !== 'ready' || driver.devices.length === 0) return [checkDriver(facts, driver)];
  const problems = driver.devices.map((_, index) => problemOf(facts, driver, index));
  // A problem of all devices, such as an old driver, is reported once.
  const common = problems.every((problem) => problem !== undefined && problem.what === problems[0]!.what);
  const finding = { id: 'devices.driver', title: 'CUDA driver', data: { ...driver, devices: undefined } };
  const detail = [driver.release, `CUDA ${cudaText(driver.version)}`].filter(Boolean).join(', ');
  const findings: Finding[] = [
    common
      ? { ...finding, status: 'warning', kind: 'unusable', detail: problems[0]!.what, remedy: problems[0]!.remedy }
      : { ...finding, status: 'ok', detail },
  ];
  driver.devices.forEach((device, index) => {
    const { name, bytesFree, bytesTotal } = device;
    const memory =
      bytesFree === null ? formatBytes(bytesTotal) : `${formatBytes(bytesFree)} of ${formatBytes(bytesTotal)} free`;
    const each = { id: `devices.cuda:${index}`, title: `cuda:${index}`, data: { ...device } };
    const problem = common ? undefined : problems[index];
    if (problem !== undefined) {
      findings.push({ ...each, status: 'warning', kind: 'unusable', detail: problem.what, remedy: problem.remedy });
      return;
    }
    const plain = `${name}, ${memory}`;
    if (common || facts.libtorch.value === undefined) {
      findings.push({ ...each, status: 'info', kind: 'not-tried', detail: plain });
      return;
    }
    const chosen = facts.models.find((model) => model.chosen);
    if (chosen?.card.value !== undefined && gpuPrecisions(chosen, bytesFree ?? bytesTotal).length === 0) {
      const detail = `${plain}: too little for ${chosen.name}`;
      const remedy = 'End other programs that use the device, or use a smaller model.';
      findings.push({ ...each, status: 'warning', kind: 'too-little-memory', detail, remedy });
      return;
    }
    findings.push({ ...each, status: 'ok', detail: plain });
  });
  return findings;
}

/** If there is no libtorch, only problems of the driver and the device are found. */
function problemOf({ libtorch, environment }: Facts, driver: CudaDriver, index: number) {
  return cudaProblem(driver, libtorch.value ?? { root: '', cuda: true, cudaVersion: undefined }, index, environment);
}

/** Checks a driver that does not work, or that finds no device. */
function checkDriver(facts: Facts, driver: CudaDriver): Finding {
  const finding = { id: 'devices.driver', title: 'CUDA driver', data: { ...driver, gpus: facts.gpus } };
  const problem = problemOf(facts, driver, 0);
  const { gpus } = facts;
  if (driver.state === 'missing') {
    if (gpus === 0) {
      return { ...finding, status: 'info', kind: 'no-gpu', detail: 'no NVIDIA driver: everything runs on the CPU' };
    }
    const found = gpus === 1 ? 'there is an NVIDIA GPU' : `there are ${gpus} NVIDIA GPUs`;
    const remedy = 'Install the driver or, in a container, pass the devices through (docker run --gpus all).';
    return { ...finding, status: 'warning', kind: 'no-driver', detail: `no NVIDIA driver, although ${found}`, remedy };
  }
  if (problem === undefined) return { ...finding, status: 'info', kind: 'no-device', detail: 'no CUDA device' };
  const kind = driver.state === 'ready' && driver.devices.length === 0 ? 'no-device' : 'unusable';
  if (!problem.hardware) return { ...finding, status: 'info', kind, detail: problem.what };
  return { ...finding, status: 'warning', kind, detail: problem.what, remedy: problem.remedy };
}

/** Reports a driver that could not be queried. */
function checkUnknownDriver(facts: Facts): Finding {
  const { loader, gpus } = facts;
  const problem = probeProblem(loader, facts)!;
  const finding = { id: 'devices.driver', title: 'CUDA driver', data: { gpus } };
  const found = gpus === 0 ? '' : ` (NVIDIA GPUs on the PCI bus: ${gpus})`;
  // Another finding reports the problem of the addon.
  if (loader.end === 'done' || loader.end === 'skipped' || loader.stage !== 'driver') {
    return { ...finding, status: 'info', kind: 'not-tried', detail: `could not be queried without the addon${found}` };
  }
  return {
    ...finding,
    status: 'warning',
    kind: loader.end,
    detail: `${problem.what}${found}`,
    remedy:
      problem.kind === 'address-space'
        ? problem.remedy!
        : "Check the output of `nvidia-smi`. Until it works, use device 'cpu'.",
    data: { gpus, problem },
  };
}
