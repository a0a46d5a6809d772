import type { Command } from 'commander';

import type { ModelsFlags } from '../models.js';
import { MODEL } from './options.js';

export function addModels(program: Command): void {
  program
    .command('models')
    .summary('list the built-in models, or describe one')
    .description('list the built-in models, or describe what a model can and cannot do')
    .argument('[model]', MODEL)
    .option('--verify', 'verify the checksums of the model, or of every built-in model')
    .action(async (model: string | undefined, flags: ModelsFlags) => {
      const { runModels } = await import('../models.js');
      process.exitCode = await runModels(model, flags);
    });
}
