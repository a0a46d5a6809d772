import type { Command } from 'commander';

import type { SetupFlags } from '../setup.js';

export function addSetup(program: Command): void {
  program
    .command('setup')
    .summary('download libtorch and build the addon')
    .description('download libtorch and build the addon, unless both are ready')
    .option('--cuda', 'use libtorch with CUDA; asks before the download, which is large')
    .option('--yes', 'download without asking')
    .action(async (flags: SetupFlags) => {
      const { runSetup } = await import('../setup.js');
      process.exitCode = await runSetup(flags);
    });
}
