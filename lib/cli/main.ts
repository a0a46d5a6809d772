import { Command, CommanderError, Option } from 'commander';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { EmotionError, messageOf } from '../shared/errors.js';
import { packageRoot } from '../shared/package-root.js';
import { decoderSchema, granularitySchema, precisionSchema } from '../options/schemas.js';
import { defaults, limits } from '../options/limits.js';
import type { CompareFlags } from './compare.js';
import { describeError } from './describe-error.js';
import type { DoctorFlags } from './doctor.js';
import type { EvaluateFlags } from './evaluate.js';
import { FORMATS } from './format.js';
import type { ImportFlags } from './import.js';
import type { ModelsFlags } from './models.js';
import {
  bytes,
  device,
  filled,
  mapping,
  origin,
  orOff,
  port,
  proxies,
  raw,
  seconds,
  time,
  timer,
  whole,
  window,
} from './parsers.js';
import type { QuantizeFlags } from './quantize.js';
import type { RecognizeFlags } from './recognize.js';
import type { ServeFlags } from './serve.js';
import type { SetupFlags } from './setup.js';
import { shown } from '../shared/text.js';

const USAGE = 2;
const PRECISIONS = precisionSchema.options;
const DECODERS = decoderSchema.options;

/** Runs a command line (without node and the script) and sets process.exitCode: 0 all well, 1 something failed, 2 usage. */
export async function main(argv: readonly string[]): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0); // `| head` has seen enough
    const what = `What is printed could not be written: ${messageOf(error)}`;
    process.stderr.write(`emotion2vec: ${describeError(new EmotionError('ERR_FILE_WRITE', what), false)}\n`);
    process.exit(1);
  });
  process.stderr.on('error', () => undefined); // there is nobody left to tell
  process.removeAllListeners('warning'); // Node's own: with the process's number, and advice for programmers
  process.on('warning', ({ message }) => process.stderr.write(`emotion2vec: ${message}\n`));
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
    .configureOutput({ outputError: (message, write) => write(briefly(message)) })
    .showHelpAfterError('(emotion2vec --help tells more)');
  const recognize = root
    .command('recognize')
    .description('recognise the emotion in recordings')
    .argument('<files...>', 'audio files, folders, quoted patterns, or - for stdin')
    .addOption(new Option('--model <name>', 'built-in name or path of an archive').argParser(filled));
  placed(recognize)
    .addOption(
      new Option('--granularity <what>', 'the clip as a whole, or a timeline too')
        .choices(granularitySchema.options)
        .default('utterance'),
    )
    .addOption(
      new Option('--window <seconds>', 'long audio: the longest stretch heard at once, auto or off')
        .default('auto')
        .argParser(window),
    )
    .addOption(
      new Option('--timeline-window <seconds>', 'length of a window of the timeline')
        .default(defaults.timeline.window)
        .argParser(seconds(limits.timeline)),
    )
    .addOption(
      new Option('--timeline-hop <seconds>', 'step from one to the next')
        .default(defaults.timeline.hop)
        .argParser(seconds(limits.timeline)),
    )
    .addOption(
      new Option('--raw <format>', 'samples without a header: encoding:rate[:channels], such as mulaw:8000').argParser(
        raw,
      ),
    )
    .option('--embedding', 'feature vectors too')
    .addOption(
      new Option('--output <folder>', 'write result.json, processed_audio.wav, embedding.npy for each clip').argParser(
        filled,
      ),
    )
    .addOption(new Option('--format <format>', 'what is printed').choices(FORMATS).default('text'))
    .option('--debug', 'print stack traces')
    .action(async (files: string[], flags: RecognizeFlags) => {
      const { runRecognize } = await import('./recognize.js');
      process.exitCode = await runRecognize(files, flags);
    });
  root
    .command('import')
    .summary('make an archive of an emotion2vec+ checkpoint')
    .description('turn a checkpoint of emotion2vec+ (model.pt, or its folder) into an archive')
    .argument('<checkpoint>', "FunASR's model.pt with tokens.txt beside it, or the folder of a snapshot")
    .addOption(new Option('-o, --output <file>', 'the archive to write').makeOptionMandatory().argParser(filled))
    .addOption(
      new Option('--precision <precision>', 'what the weights are kept in')
        .choices(['fp32', 'bf16', 'int8'])
        .default('fp32'),
    )
    .option('--debug', 'print stack traces')
    .action(async (checkpoint: string, flags: ImportFlags) => {
      const { runImport } = await import('./import.js');
      process.exitCode = await runImport(checkpoint, flags);
    });
  root
    .command('quantize')
    .summary('write an archive with smaller weights')
    .description('write an archive, any TorchScript module, with smaller weights')
    .argument('<in>', 'the archive to read')
    .argument('<out>', 'the archive to write')
    .addOption(
      new Option('--precision <precision>', 'what linear layers become').choices(['int8', 'bf16']).default('int8'),
    )
    .option('--debug', 'print stack traces')
    .action(async (archive: string, output: string, flags: QuantizeFlags) => {
      const { runQuantize } = await import('./quantize.js');
      process.exitCode = await runQuantize(archive, output, flags);
    });
  root
    .command('compare')
    .summary('smaller precisions on your own recordings')
    .description('a model beside its smaller precisions on your own recordings: agreement, time, memory')
    .argument('<model>', 'built-in name or path of an archive')
    .requiredOption('--audio <files...>', 'audio files, folders or quoted patterns')
    .addOption(
      new Option('--precision <precisions...>', 'what to compare with')
        .choices(['bf16', 'int8'])
        .default(['bf16', 'int8'], 'bf16 int8'),
    )
    .addOption(new Option('--threads <count>', 'processors for one clip').argParser(whole(limits.threads)))
    .option('--debug', 'print stack traces')
    .action(async (model: string, flags: CompareFlags) => {
      const { runCompare } = await import('./compare.js');
      process.exitCode = await runCompare(model, flags);
    });
  const evaluate = root
    .command('evaluate')
    .summary('measure a model on labelled recordings')
    .description('what a model says of recordings whose emotions a CSV file tells: tables, JSON, pictures')
    .argument('<model>', 'built-in name or path of an archive')
    .addOption(
      new Option('--labels <file>', 'CSV file with a column each of the clip and its emotion')
        .makeOptionMandatory()
        .argParser(filled),
    )
    .addOption(new Option('--audio <folder>', 'where the clips are').makeOptionMandatory().argParser(filled))
    .addOption(new Option('--output <folder>', 'write evaluation.json and pictures too').argParser(filled))
    .option('--group <columns...>', 'columns to group by, rather than speaker, sex, age and the like')
    .addOption(
      new Option('--map <from=to...>', "what a label means to the model; 'from=' leaves its clips out").argParser(
        mapping,
      ),
    )
    .option('--robustness', 'the same clips with noise, other codecs, cut and so on too');
  placed(evaluate)
    .option('--debug', 'print stack traces')
    .action(async (model: string, flags: EvaluateFlags) => {
      const { runEvaluate } = await import('./evaluate.js');
      process.exitCode = await runEvaluate(model, flags);
    });
  const serve = root
    .command('serve')
    .description('an HTTP server with a web page')
    .addOption(new Option('--host <address>', 'address to listen on').default('127.0.0.1').argParser(filled))
    .addOption(new Option('--port <port>', 'port to listen on, 0 for any').default(7860).argParser(port))
    .addOption(new Option('--model <name>', 'built-in name or path of an archive').argParser(filled));
  placed(serve)
    .addOption(
      new Option('--max-queue <count>', 'clips that may be under way at once')
        .default(defaults.maxQueue)
        .argParser(whole({ min: 1, max: 1_000_000 })),
    )
    .option('--warm-up', 'load the model at once rather than for the first clip')
    .addOption(new Option('--idle-unload <time>', 'unload the model after so long without a clip').argParser(timer))
    .addOption(
      new Option('--output <folder>', 'where results, uploads and latest.log lie').default('outputs').argParser(filled),
    )
    .addOption(
      new Option('--keep <time>', 'how long results are kept, or off for ever')
        .default(7 * 86_400, '7d')
        .argParser(orOff(time)),
    )
    .addOption(
      new Option('--keep-bytes <size>', 'size of all results beyond which the oldest go, or off')
        .default(2 ** 30, '1G')
        .argParser(orOff(bytes)),
    )
    .option('--no-keep', 'keep no results')
    .addOption(
      new Option('--max-upload <size>', 'largest recording that is taken')
        .default(200 * 2 ** 20, '200M')
        .argParser(bytes),
    )
    .addOption(
      new Option('--max-duration <time>', 'longest recording that is taken').default(7200, '2h').argParser(time),
    )
    .addOption(
      new Option('--timeout <time>', 'most that a recording may take, with waiting')
        .default(600_000, '10m')
        .argParser(timer),
    )
    .addOption(new Option('--token <secret>', 'what clients must send').env('EMOTION2VEC_TOKEN').argParser(filled))
    .addOption(
      new Option(
        '--rate-limit <count>',
        'requests a minute of one address, 0 for any; default 600 unless local',
      ).argParser(whole({ min: 0, max: 1_000_000 })),
    )
    .addOption(
      new Option('--cors-origin <origins...>', 'sites whose pages may use the server')
        .default([], 'none')
        .argParser(origin),
    )
    .addOption(
      new Option(
        '--trust-proxy [proxies]',
        'believe X-Forwarded-* headers of so many proxies in a row, or of these addresses; 1 without a value',
      )
        .preset('1')
        .argParser(proxies),
    )
    .addOption(
      new Option('--max-connections <count>', 'connections that may be open at once, 0 for any')
        .default(defaults.connections.all)
        .argParser(whole({ min: 0, max: 1_000_000 })),
    )
    .addOption(
      new Option('--connections-per-address <count>', 'the same of one address, 0 for any')
        .default(defaults.connections.perAddress)
        .argParser(whole({ min: 0, max: 1_000_000 })),
    )
    .addOption(
      new Option('--log-level <level>', 'how much is logged')
        .choices(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .option('--debug', 'print stack traces')
    .action(async (flags: ServeFlags) => {
      const { runServe } = await import('./serve.js');
      process.exitCode = await runServe(flags);
    });
  root
    .command('models')
    .summary('list the built-in models, or tell of one')
    .description('list the built-in models, or tell what one can and cannot do')
    .argument('[model]', 'built-in name or path of an archive')
    .option('--verify', 'read it whole, or every built-in one, and compare it with its checksums')
    .option('--debug', 'print stack traces')
    .action(async (model: string | undefined, flags: ModelsFlags) => {
      const { runModels } = await import('./models.js');
      process.exitCode = await runModels(model, flags);
    });
  root
    .command('setup')
    .summary('fetch libtorch and build the addon')
    .description('fetch libtorch and build the addon, where that is not done yet')
    .option('--cuda', 'a libtorch with CUDA; asks first, as it is large')
    .option('--yes', 'fetch it without asking')
    .option('--debug', 'print stack traces')
    .action(async (flags: SetupFlags) => {
      const { runSetup } = await import('./setup.js');
      process.exitCode = await runSetup(flags);
    });
  root
    .command('doctor')
    .summary('tell whether recognition works here')
    .description('tell whether recognition works here, and what to do where it does not; changes nothing')
    .option('--json', 'for programs: one JSON document')
    .addOption(
      new Option('--model <name>', 'built-in name or path of an archive: read whole, its checksums compared').argParser(
        filled,
      ),
    )
    .option('--debug', 'print stack traces')
    .action(async (flags: DoctorFlags) => {
      const { runDoctor } = await import('./doctor.js');
      process.exitCode = await runDoctor(flags);
    });
  return root;
}

/** What commander complains of, which repeats what was given, whatever its length. */
function briefly(message: string): string {
  const short = message.replace(/'([^']{100,})'/g, (_, given: string) => `'${shown(given)}'`);
  return short.length > 600 ? `${shown(short.trim(), 400)}\n` : short;
}

/** Where a model runs, and how, and who decodes for it. */
function placed(command: Command): Command {
  return command
    .addOption(new Option('--device <device>', 'auto, cpu, cuda or cuda:N').default('auto').argParser(device))
    .addOption(new Option('--precision <precision>', 'what the model computes in').choices(PRECISIONS).default('auto'))
    .addOption(new Option('--threads <count>', 'processors for one clip').argParser(whole(limits.threads)))
    .addOption(
      new Option('--memory-budget <size>', 'most that the model and its runs may take, such as 500M').argParser(bytes),
    )
    .addOption(
      new Option('--decoder <decoder>', 'auto: ffmpeg where the format is not built in; builtin; ffmpeg')
        .choices(DECODERS)
        .default('auto'),
    );
}
