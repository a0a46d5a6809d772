/** Runs in a process of its own, so that what crashes or hangs here is a finding of the doctor. See probe.ts for the other side. */
import { readFileSync, writeFileSync } from 'node:fs';

import { loaderBinding, nativeBinding } from '../../native/binding.js';
import { EmotionRecognizer } from '../../recognition/recognizer.js';
import { problemOf } from '../finding.js';
import { CLIP_SECONDS, syntheticClip } from './clip.js';
import type { LoaderReport, ProbeJob, ProbeReply, RecognitionReport, Stage } from './protocol.js';

/** Clips whose median is told. */
const CLIPS = 3;

// Nobody is left to listen: whatever runs here natively is not waited for.
const abandoned = (): void => void process.kill(process.pid, 'SIGKILL');
process.once('disconnect', abandoned);
process.once('message', (job: ProbeJob) => void work(job));

async function work(job: ProbeJob): Promise<void> {
  try {
    if (job.kind === 'loader') await tryLoader();
    else await tryRecognition(job.model, job.device);
    await at('exit');
  } catch (error) {
    await reply({ kind: 'problem', problem: problemOf(error) });
  }
  process.off('disconnect', abandoned);
  process.disconnect();
}

async function tryLoader(): Promise<void> {
  await at('loader');
  const loader = loaderBinding();
  const { libtorchVersion, usableCpus } = loader;
  const memory = loader.memory();
  memory.availableBytes += statusBytes('RssAnon'); // this process will be gone
  await report<LoaderReport>({ libtorchVersion, usableCpus, memory });
  await at('driver');
  await report<LoaderReport>({ driver: await loader.cudaDriver() });
}

async function tryRecognition(model: string, device: string): Promise<void> {
  beKilledFirst();
  await at('libtorch');
  let begin = performance.now();
  await nativeBinding();
  await report<RecognitionReport>({ libtorchMs: performance.now() - begin });
  await at('model');
  begin = performance.now();
  const recognizer = new EmotionRecognizer({ model, device: device as 'cpu' });
  await recognizer.warmUp();
  await report<RecognitionReport>({ modelMs: performance.now() - begin });
  await at('clip');
  const clip = syntheticClip();
  const times: number[] = [];
  let scores: Record<string, number> = {};
  await recognizer.recognize(clip); // starts the decoder
  for (let i = 0; i < CLIPS; i++) {
    begin = performance.now();
    ({ scores } = await recognizer.recognize(clip));
    times.push(performance.now() - begin);
  }
  const { model: ran } = recognizer.status();
  if (ran.state !== 'loaded') throw new Error('the model was unloaded while it was measured');
  await recognizer.close();
  await report<RecognitionReport>({
    clipMs: times.sort((a, b) => a - b)[CLIPS >> 1]!,
    clipSeconds: CLIP_SECONDS,
    peakBytes: statusBytes('VmHWM'),
    device: ran.device,
    precision: ran.precision,
    threads: ran.threads,
    scores,
  });
}

/** Where memory runs out after all, the kernel is to take this process rather than one of the user's. */
function beKilledFirst(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '1000');
  } catch {
    // not allowed: then the kernel chooses as ever
  }
}

function statusBytes(name: 'VmHWM' | 'RssAnon'): number {
  const status = readFileSync('/proc/self/status', 'latin1');
  return 1024 * Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
}

const at = (stage: Stage) => reply({ kind: 'stage', stage });
const report = <T extends LoaderReport | RecognitionReport>(found: Partial<T>) =>
  reply({ kind: 'report', report: found });

/** Settles when the message is on its way: what comes next may end the process. */
function reply(message: ProbeReply): Promise<void> {
  return new Promise((resolve) => process.send!(message, () => resolve()));
}
