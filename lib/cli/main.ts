import { Command, CommanderError, Option } from 'commander';
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { InvalidOptionsError } from '../options/parse.js';
import { EmotionError, hasSystemCode, messageOf } from '../shared/errors.js';
import { packageRoot } from '../shared/package-root.js';
import { shown } from '../shared/text.js';
import { addCompare } from './commands/compare.js';
import { addDoctor } from './commands/doctor.js';
import { addEvaluate } from './commands/evaluate.js';
import { addImport } from './commands/import.js';
import { addModels } from './commands/models.js';
import { addQuantize } from './commands/quantize.js';
import { addRecognize } from './commands/recognize.js';
import { addServe } from './commands/serve.js';
import { addSetup } from './commands/setup.js';
import { describeError } from './describe-error.js';
import { EXIT } from './exit-status.js';

/** In the order of the help. */
const COMMANDS = [
  addRecognize,
  addImport,
  addQuantize,
  addCompare,
  addEvaluate,
  addServe,
  addModels,
  addSetup,
  addDoctor,
];

/** Runs a command line, without node and the script, and sets process.exitCode. */
export async function main(argv: readonly string[]): Promise<void> {
  handleOutputErrors();
  printWarnings();
  const debug = argv.includes('--debug');
  try {
    await createProgram().parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT.success : EXIT.usage;
    } else {
      process.stderr.write(`emotion2vec: ${describeError(error, debug)}\n`);
      process.exitCode = error instanceof InvalidOptionsError ? EXIT.usage : EXIT.failure;
    }
  }
}

function createProgram(): Command {
  const { version } = JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8')) as { version: string };
  const program = new Command('emotion2vec')
    .description('Speech emotion recognition on libtorch, without Python.')
    .version(version)
    .exitOverride()
    .configureOutput({ outputError: (message, write) => write(abbreviated(message)) })
    .showHelpAfterError('(run emotion2vec --help for usage)');
  for (const add of COMMANDS) add(program);
  for (const command of program.commands) {
    command.addOption(new Option('--debug', 'print stack traces').helpGroup('Options:'));
  }
  return program;
}

function handleOutputErrors(): void {
  process.stdout.on('error', (error) => {
    if (hasSystemCode(error, 'EPIPE')) process.exit(EXIT.success); // the reader, such as `head`, has ended
    const what = `The output could not be written: ${messageOf(error)}`;
    process.stderr.write(`emotion2vec: ${describeError(new EmotionError('ERR_FILE_WRITE', what), false)}\n`);
    process.exit(EXIT.failure);
  });
  process.stderr.on('error', () => undefined); // there is nowhere left to report it
}

/** Replaces Node's own printer, which adds the number of the process and advice for programmers. */
function printWarnings(): void {
  process.removeAllListeners('warning');
  process.on('warning', ({ message }) => process.stderr.write(`emotion2vec: ${message}\n`));
}

/** Shortens a message of commander, which quotes arguments of any length. */
function abbreviated(message: string): string {
  const short = message.replace(/'([^']{100,})'/g, (_, argument: string) => `'${shown(argument)}'`);
  return short.length > 600 ? `${shown(short.trim(), 400)}\n` : short;
}
