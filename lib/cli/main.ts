import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { packageRoot } from '../native/paths.js';
import { deviceSchema, granularitySchema, precisionSchema } from '../options.js';
import { type CompareFlags, runCompare } from './compare.js';
import { FORMATS } from './format.js';
import { type ImportFlags, runImport } from './import.js';
import { runModels } from './models.js';
import { type QuantizeFlags, runQuantize } from './quantize.js';
import { describeError, type RecognizeFlags, runRecognize } from './recognize.js';
import { runSetup } from './setup.js';

const USAGE = 2;

/** Runs a command line (without node and the script) and sets process.exitCode: 0 all well, 1 something failed, 2 usage. */
export async function main(argv: readonly string[]): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0); // `| head` has seen enough
    throw error;
  });
  const debug = argv.includes('--debug');
  try {
    await program().parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : USAGE;
    } else {
      process.stderr.write(`emotion2vec: ${describeError(error, debug)}\n`);
      process.exitCode = error instanceof TypeError && !debug ? USAGE : 1;
    }
  }
}

function program(): Command {
  const { version } = JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8')) as { version: string };
  const root = new Command('emotion2vec')
    .description('Speech emotion recognition on libtorch, without Python.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(emotion2vec --help tells more)');
  root
    .command('recognize')
    .description('recognise the emotion in recordings')
    .argument('<files...>', 'audio files, folders or quoted patterns')
    .option('--model <name>', 'built-in name or path of an archive')
    .addOption(new Option('--device <device>', 'auto, cpu, cuda or cuda:N').argParser(oneOf(deviceSchema)))
    .addOption(new Option('--precision <precision>', 'what the model computes in').choices(precisionSchema.options))
    .addOption(new Option('--threads <count>', 'processors for one clip').argParser(positive))
    .addOption(
      new Option('--granularity <what>', 'the clip as a whole, or a timeline too')
        .choices(granularitySchema.options)
        .default('utterance'),
    )
    .addOption(
      new Option('--window <seconds>', 'long audio: the longest stretch heard at once, auto or off')
        .default('auto')
        .argParser(windowOption),
    )
    .addOption(new Option('--timeline-window <seconds>', 'length of a window of the timeline').argParser(seconds))
    .addOption(new Option('--timeline-hop <seconds>', 'step from one to the next').argParser(seconds))
    .option('--embedding', 'feature vectors too', false)
    .option('--output <folder>', 'write result.json, processed_audio.wav, embedding.npy for each clip')
    .addOption(new Option('--format <format>', 'what is printed').choices(FORMATS).default('text'))
    .option('--debug', 'print stack traces', false)
    .action(async (files: string[], flags: RecognizeFlags) => {
      process.exitCode = await runRecognize(files, flags);
    });
  root
    .command('import')
    .description('turn a checkpoint of emotion2vec+ (model.pt, or its folder) into an archive')
    .argument('<checkpoint>', "FunASR's model.pt with tokens.txt beside it, or the folder of a snapshot")
    .requiredOption('-o, --output <file>', 'the archive to write')
    .addOption(
      new Option('--precision <precision>', 'what the weights are kept in')
        .choices(precisionSchema.options)
        .default('fp32'),
    )
    .option('--debug', 'print stack traces', false)
    .action(async (checkpoint: string, flags: ImportFlags) => {
      process.exitCode = await runImport(checkpoint, flags);
    });
  root
    .command('quantize')
    .description('write an archive, any TorchScript module, with smaller weights')
    .argument('<archive>', 'the archive to read')
    .argument('<output>', 'the archive to write')
    .addOption(
      new Option('--precision <precision>', 'what linear layers become').choices(['int8', 'bf16']).default('int8'),
    )
    .option('--debug', 'print stack traces', false)
    .action(async (archive: string, output: string, flags: QuantizeFlags) => {
      process.exitCode = await runQuantize(archive, output, flags);
    });
  root
    .command('compare')
    .description("a model beside its smaller precisions on one's own recordings: agreement, time, memory")
    .argument('<model>', 'built-in name or path of an archive')
    .requiredOption('--audio <files...>', 'audio files, folders or quoted patterns')
    .addOption(
      new Option('--precision <precisions...>', 'what to compare with')
        .choices(['bf16', 'int8'])
        .default(['bf16', 'int8']),
    )
    .addOption(new Option('--threads <count>', 'processors for one clip').argParser(positive))
    .option('--debug', 'print stack traces', false)
    .action(async (model: string, flags: CompareFlags) => {
      process.exitCode = await runCompare(model, flags);
    });
  root
    .command('models')
    .description('list the built-in models')
    .action(() => {
      process.exitCode = runModels();
    });
  root
    .command('setup')
    .description('fetch libtorch and build the addon, where that is not done yet')
    .option('--debug', 'print stack traces', false)
    .action(async () => {
      process.exitCode = await runSetup();
    });
  return root;
}

function oneOf(schema: typeof deviceSchema) {
  return (value: string): string => {
    const parsed = schema.safeParse(value);
    if (!parsed.success) throw new InvalidArgumentError(parsed.error.issues[0]?.message ?? '');
    return parsed.data;
  };
}

function windowOption(value: string): 'auto' | 'off' | number {
  return value === 'auto' || value === 'off' ? value : seconds(value);
}

function seconds(value: string): number {
  if (!/^\d+(\.\d+)?$/.test(value)) throw new InvalidArgumentError('expected a number of seconds');
  return Number(value);
}

function positive(value: string): number {
  if (!/^[1-9]\d{0,3}$/.test(value)) throw new InvalidArgumentError('expected a number from 1 to 9999');
  return Number(value);
}
