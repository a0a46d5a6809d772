import { type Command, Option } from 'commander';

import type { CompareFlags } from '../compare.js';
import { threadsOption } from '../placement.js';
import { MODEL } from './options.js';

export function addCompare(program: Command): void {
  program
    .command('compare')
    .summary('compare precisions on your own recordings')
    .description('compare a model in fp32 with lower precisions on your own recordings: agreement, speed, memory')
    .argument('<model>', MODEL)
    .requiredOption('--audio <files...>', 'audio files, folders or quoted glob patterns')
    .addOption(
      new Option('--precision <precisions...>', 'precisions to compare with fp32')
        .choices(['bf16', 'int8'])
        .default(['bf16', 'int8'], 'bf16 int8'),
    )
    .addOption(threadsOption())
    .action(async (model: string, flags: CompareFlags) => {
      const { runCompare } = await import('../compare.js');
      process.exitCode = await runCompare(model, flags);
    });
}
