import type { Command } from 'commander';

import type { DoctorFlags } from '../doctor.js';
import { MODEL, modelOption } from './options.js';

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('check whether recognition works on this machine')
    .description('check whether recognition works on this machine, and explain how to fix it if not; changes nothing')
    .option('--json', 'print one JSON document')
    .addOption(modelOption(`${MODEL}; also verifies its checksums`))
    .action(async (flags: DoctorFlags) => {
      const { runDoctor } = await import('../doctor.js');
      process.exitCode = await runDoctor(flags);
    });
}
