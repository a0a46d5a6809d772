import { type Command, Option } from 'commander';

import type { ImportFlags } from '../import.js';
import { nonEmpty } from '../parsers.js';

export function addImport(program: Command): void {
  program
    .command('import')
    .summary('convert an emotion2vec+ checkpoint to an archive')
    .description('convert a checkpoint of emotion2vec+ (model.pt or the folder that contains it) to an archive')
    .argument('<checkpoint>', "FunASR's model.pt with tokens.txt next to it, or the folder of a snapshot")
    .addOption(new Option('-o, --output <file>', 'archive to write').makeOptionMandatory().argParser(nonEmpty))
    .addOption(
      new Option('--precision <precision>', 'precision of the stored weights')
        .choices(['fp32', 'bf16', 'int8'])
        .default('fp32'),
    )
    .action(async (checkpoint: string, flags: ImportFlags) => {
      const { runImport } = await import('../import.js');
      process.exitCode = await runImport(checkpoint, flags);
    });
}
