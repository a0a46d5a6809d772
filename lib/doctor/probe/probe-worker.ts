/** Runs in a process of its own, so that a crash or an endless loop becomes a finding of the doctor. probe.ts starts it. */
import { readFileSync, writeFileSync } from 'node:fs';

import { loaderBinding, nativeBinding } from '../../native/binding.js';
import { EmotionRecognizer } from '../../recognition/recognizer.js';
import { problemOf } from '../known.js';
import { CLIP_SECONDS, syntheticClip } from './clip.js';
import type { LoaderReport, ProbeJob, ProbeReply, RecognitionReport, Stage } from './protocol.js';
import { STAGES } from './stages.js';

/** Number of runs whose median is reported. */
const CLIPS = 3;

// The doctor has exited: this process must not wait for native work.
const abandoned = (): void => void process.kill(process.pid, 'SIGKILL');
let stage: Stage = 'start';
process.once('disconnect', abandoned);
process.once('message', (job: ProbeJob) => void work(job));

async function work(job: ProbeJob): Promise<void> {
  try {
    if (job.kind === 'loader') await tryLoader();
    else await tryRecognition(job.model, job.device);
    await at('exit');
  } catch (error) {
    await reply({ kind: 'problem', problem: problemOf(error, STAGES[stage].code) });
  }
  process.off('disconnect', abandoned);
  process.disconnect();
}

async function tryLoader(): Promise<void> {
  await at('loader');
  const loader = loaderBinding();
  const { libtorchVersion, usableCpus } = loader;
  const memory = loader.memory();
  memory.availableBytes += statusBytes('RssAnon'); // this process will have exited
  await report<LoaderReport>({ libtorchVersion, usableCpus, memory });
  await at('driver');
  await report<LoaderReport>({ driver: await loader.cudaDriver() });
}

async function tryRecognition(model: string, device: string): Promise<void> {
  preferForOutOfMemoryKill();
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

/** If memory runs out, the kernel should kill this process rather than another one of the user's. */
function preferForOutOfMemoryKill(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '1000');
  } catch {
    // not permitted: the kernel chooses as usual
  }
}

function statusBytes(name: 'VmHWM' | 'RssAnon'): number {
  const status = readFileSync('/proc/self/status', 'latin1');
  return 1024 * Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0);
}

function at(next: Stage): Promise<void> {
  stage = next;
  return reply({ kind: 'stage', stage });
}

const report = <T extends LoaderReport | RecognitionReport>(found: Partial<T>) =>
  reply({ kind: 'report', report: found });

/** Resolves once the message is sent, because the next step may end the process. */
function reply(message: ProbeReply): Promise<void> {
  return new Promise((resolve) => process.send!(message, () => resolve()));
}
