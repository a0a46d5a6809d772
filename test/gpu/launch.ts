/**
 * Runs Node with the given arguments, and exits with its status or signal. With FAKE=1, Node runs with the simulated CUDA device:
 * the dynamic linker reads the environment only when a process starts.
 */
import { spawn } from 'node:child_process';

import { fakeCuda } from '../support/fake-cuda.js';

async function launch(args: readonly string[]): Promise<void> {
  const fake = process.env.FAKE ? await fakeCuda() : undefined;
  if (process.env.FAKE && fake === undefined) throw new Error('g++, which builds the fake CUDA device, was not found');
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
