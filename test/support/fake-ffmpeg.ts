import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { findFfmpeg, FFMPEG_VARIABLE } from '../../lib/audio/ffmpeg/program.js';

/** A command that prints the header of a Sun audio file of floats: mono, 8 kHz. */
export const AU_HEADER = String.raw`printf '.snd\0\0\0\030\377\377\377\377\0\0\0\006\0\0\037\100\0\0\0\001'`;

/** Writes a shell script that replaces ffmpeg. */
export function fakeFfmpeg(folder: string, name: string, script: string, mode = 0o755): string {
  const file = path.join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, mode);
  return file;
}

/** Calls `act` with another ffmpeg. */
export async function withFfmpeg<T>(program: string, act: () => Promise<T>): Promise<T> {
  const before = process.env[FFMPEG_VARIABLE];
  process.env[FFMPEG_VARIABLE] = program;
  try {
    return await act();
  } finally {
    if (before === undefined) delete process.env[FFMPEG_VARIABLE];
    else process.env[FFMPEG_VARIABLE] = before;
  }
}

/** Skips a test if ffmpeg is not installed. */
export function needsFfmpeg(test: Mocha.Context): string {
  const program = findFfmpeg();
  if (program !== undefined) return program;
  console.log('      no ffmpeg on this machine: skipped');
  return test.skip();
}

/** Returns the processes whose command line contains this text. */
export function processesOf(program: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return pid !== process.pid && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(program);
      } catch {
        return false; // not a process, or it has ended
      }
    });
}

/**
 * Waits until the program runs, or no longer runs.
 * @throws Error after ten seconds
 */
export async function untilProcesses(program: string, running: boolean): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (processesOf(program).length > 0 === running) return;
    await sleep(10);
  }
  throw new Error(`${program} ${running ? 'did not start' : 'is still running'}`);
}
