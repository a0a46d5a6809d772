import { type Command, Option } from 'commander';

import type { EvaluateFlags } from '../evaluate.js';
import { mapping, nonEmpty } from '../parsers.js';
import { addPlacementOptions } from '../placement.js';
import { MODEL } from './options.js';

export function addEvaluate(program: Command): void {
  const command = program
    .command('evaluate')
    .summary('measure a model on labeled recordings')
    .description('measure a model on recordings with known emotions; prints tables, writes JSON and figures')
    .argument('<model>', MODEL)
    .addOption(
      new Option('--labels <file>', 'CSV file with a column for the clip and a column for its emotion')
        .makeOptionMandatory()
        .argParser(nonEmpty),
    )
    .addOption(new Option('--audio <folder>', 'folder of the clips').makeOptionMandatory().argParser(nonEmpty))
    .addOption(
      new Option('--output <folder>', 'also write evaluation.json and figures to this folder').argParser(nonEmpty),
    )
    .option('--group <columns...>', 'columns to group results by, instead of speaker, sex, age and so on')
    .addOption(
      new Option(
        '--map <from=to...>',
        "label of the model for a value in the CSV file; 'from=' excludes the clips with that value",
      ).argParser(mapping),
    )
    .option('--robustness', 'also evaluate the clips with noise, codecs, cuts and other perturbations');
  addPlacementOptions(command).action(async (model: string, flags: EvaluateFlags) => {
    const { runEvaluate } = await import('../evaluate.js');
    process.exitCode = await runEvaluate(model, flags);
  });
}
