/**
 * Runs Node with the arguments that follow, and ends as it does. With FAKE=1 beside the simulated CUDA device: libraries are found
 * by what a process has in its environment when it starts.
 */
import { spawn } from 'node:child_process';

import { fakeCuda } from '../support/fake-cuda.js';

async function launch(args: readonly string[]): Promise<void> {
  const fake = process.env.FAKE ? await fakeCuda() : undefined;
  if (process.env.FAKE && fake === undefined) throw new Error('There is no g++ here to build the fake CUDA device');
  const child = spawn(process.execPath, args, { stdio: 'inherit', env: { ...process.env, ...fake?.env() } });
  child.on('error', (error) => {
    throw error;
  });
  child.on('exit', (code, signal) => {
    if (signal !== null) process.kill(process.pid, signal);
    process.exitCode = code ?? 1;
  });
}

void launch(process.argv.slice(2));
