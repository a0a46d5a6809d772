import { type Command, Option } from 'commander';

import type { QuantizeFlags } from '../quantize.js';

export function addQuantize(program: Command): void {
  program
    .command('quantize')
    .summary('write a copy of an archive with smaller weights')
    .description('write a copy of an archive, or of any TorchScript module, with smaller weights')
    .argument('<in>', 'archive to read')
    .argument('<out>', 'archive to write')
    .addOption(
      new Option('--precision <precision>', 'precision of the linear layers').choices(['int8', 'bf16']).default('int8'),
    )
    .action(async (archive: string, output: string, flags: QuantizeFlags) => {
      const { runQuantize } = await import('../quantize.js');
      process.exitCode = await runQuantize(archive, output, flags);
    });
}
