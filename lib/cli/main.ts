import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { packageRoot } from '../native/paths.js';
import { deviceSchema, granularitySchema, precisionSchema } from '../options.js';
import type { CompareFlags } from './compare.js';
import { describeError } from './describe-error.js';
import { FORMATS } from './format.js';
import type { ImportFlags } from './import.js';
import type { QuantizeFlags } from './quantize.js';
import type { RecognizeFlags } from './recognize.js';
import type { ServeFlags } from './serve.js';

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
      const { runRecognize } = await import('./recognize.js');
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
      const { runImport } = await import('./import.js');
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
      const { runQuantize } = await import('./quantize.js');
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
      const { runCompare } = await import('./compare.js');
      process.exitCode = await runCompare(model, flags);
    });
  root
    .command('serve')
    .description('an HTTP server with a web page')
    .addOption(new Option('--host <address>', 'address to listen on').default('127.0.0.1'))
    .addOption(new Option('--port <port>', 'port to listen on, 0 for any').default(7860).argParser(port))
    .option('--model <name>', 'built-in name or path of an archive')
    .addOption(new Option('--device <device>', 'auto, cpu, cuda or cuda:N').argParser(oneOf(deviceSchema)))
    .addOption(new Option('--precision <precision>', 'what the model computes in').choices(precisionSchema.options))
    .addOption(new Option('--threads <count>', 'processors for one clip').argParser(positive))
    .addOption(new Option('--max-queue <count>', 'clips that may be under way at once').argParser(positive))
    .option('--warm-up', 'load the model at once rather than for the first clip', false)
    .addOption(new Option('--idle-unload <time>', 'give the model back after so long without a clip').argParser(time))
    .addOption(new Option('--output <folder>', 'where results, uploads and latest.log lie').default('outputs'))
    .addOption(
      new Option('--keep <time>', 'how long results are kept, or off for ever')
        .default(7 * 86_400, '7d')
        .argParser(orOff(time)),
    )
    .addOption(
      new Option('--keep-bytes <size>', 'of all results, beyond which the oldest go, or off')
        .default(2 ** 30, '1G')
        .argParser(orOff(bytes)),
    )
    .option('--no-keep', 'keep no results')
    .addOption(new Option('--max-upload <size>', 'of a recording').default(200 * 2 ** 20, '200M').argParser(bytes))
    .addOption(new Option('--max-duration <time>', 'of a recording').default(7200, '2h').argParser(time))
    .addOption(new Option('--timeout <time>', 'for a recording').default(600, '10m').argParser(time))
    .option('--token <secret>', 'what clients must send (or set EMOTION2VEC_TOKEN)')
    .addOption(
      new Option(
        '--rate-limit <count>',
        'requests a minute of one address, 0 for any; default 600 unless local',
      ).argParser(count),
    )
    .addOption(new Option('--cors-origin <origins...>', 'sites whose pages may use the server').default([], 'none'))
    .option('--trust-proxy', 'believe X-Forwarded-* headers', false)
    .addOption(
      new Option('--log-level <level>', 'how much is logged')
        .choices(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .option('--debug', 'print stack traces', false)
    .action(async (flags: ServeFlags) => {
      const { runServe } = await import('./serve.js');
      process.exitCode = await runServe(flags);
    });
  root
    .command('models')
    .description('list the built-in models')
    .action(async () => {
      const { runModels } = await import('./models.js');
      process.exitCode = runModels();
    });
  root
    .command('setup')
    .description('fetch libtorch and build the addon, where that is not done yet')
    .option('--debug', 'print stack traces', false)
    .action(async () => {
      const { runSetup } = await import('./setup.js');
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

function port(value: string): number {
  if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) throw new InvalidArgumentError('expected a port, 0 to 65535');
  return Number(value);
}

function count(value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw new InvalidArgumentError('expected a whole number');
  return Number(value);
}

/** Infinity from `off`; anything else as `parse` has it. */
function orOff(parse: (value: string) => number) {
  return (value: string): number => (value === 'off' ? Infinity : parse(value));
}

/** Seconds, from `90`, `90s`, `15m`, `12h`, `7d`. */
function time(value: string): number {
  const found = /^(\d+(?:\.\d+)?)([smhd]?)$/.exec(value);
  if (found === null || Number(found[1]) === 0)
    throw new InvalidArgumentError('expected a time such as 90s, 15m, 12h or 7d');
  return Number(found[1]) * { '': 1, s: 1, m: 60, h: 3600, d: 86_400 }[found[2] as '' | 's' | 'm' | 'h' | 'd'];
}

/** Bytes, from `500000`, `100k`, `200M`, `1G`. */
function bytes(value: string): number {
  const found = /^(\d+(?:\.\d+)?)([kMG]?)B?$/i.exec(value);
  if (found === null || Number(found[1]) === 0) throw new InvalidArgumentError('expected a size such as 200M or 1G');
  const unit = found[2]!.toLowerCase() as '' | 'k' | 'm' | 'g';
  return Math.round(Number(found[1]) * { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 }[unit]);
}

function seconds(value: string): number {
  if (!/^\d+(\.\d+)?$/.test(value)) throw new InvalidArgumentError('expected a number of seconds');
  return Number(value);
}

function positive(value: string): number {
  if (!/^[1-9]\d{0,3}$/.test(value)) throw new InvalidArgumentError('expected a number from 1 to 9999');
  return Number(value);
}
