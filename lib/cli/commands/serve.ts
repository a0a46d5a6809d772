import { type Command, Option } from 'commander';

import { defaults } from '../../options/limits.js';
import { recognizerOptionsSchema } from '../../options/schemas.js';
import {
  byteSize,
  countOrZero,
  duration,
  nonEmpty,
  origin,
  orOff,
  parserOf,
  port,
  proxies,
  timerMs,
} from '../parsers.js';
import { addPlacementOptions } from '../placement.js';
import type { ServeFlags } from '../serve.js';
import { modelOption } from './options.js';

export function addServe(program: Command): void {
  const command = program
    .command('serve')
    .description('start an HTTP server with a web page')
    .addOption(new Option('--host <address>', 'address to listen on').default('127.0.0.1').argParser(nonEmpty))
    .addOption(new Option('--port <port>', 'port to listen on; 0 selects a free one').default(7860).argParser(port))
    .addOption(
      new Option('--log-level <level>', 'least severe messages to log')
        .choices(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .optionsGroup('Model options:')
    .addOption(modelOption());
  addPlacementOptions(command);
  addLoadingOptions(command);
  addResultOptions(command);
  addLimitOptions(command);
  addSecurityOptions(command);
  command.action(async (flags: ServeFlags) => {
    const { runServe } = await import('../serve.js');
    process.exitCode = await runServe(flags);
  });
}

function addLoadingOptions(command: Command): void {
  command
    .option('--warm-up', 'load the model at start instead of with the first clip')
    .addOption(
      new Option('--idle-unload <time>', 'unload the model after this time without a clip').argParser(timerMs),
    );
}

function addResultOptions(command: Command): void {
  command
    .optionsGroup('Result options:')
    .addOption(
      new Option('--output <folder>', 'folder of results, uploads and latest.log')
        .default(defaults.server.output)
        .argParser(nonEmpty),
    )
    .addOption(
      new Option('--keep <time>', 'how long to keep results; off keeps them forever')
        .default(defaults.server.keepSeconds, '7d')
        .argParser(orOff(duration)),
    )
    .addOption(
      new Option('--keep-bytes <size>', 'total size of results beyond which the oldest are deleted, or off')
        .default(defaults.server.keepBytes, '1G')
        .argParser(orOff(byteSize)),
    )
    .option('--no-keep', 'keep no results');
}

function addLimitOptions(command: Command): void {
  command
    .optionsGroup('Limits:')
    .addOption(
      new Option('--max-queue <count>', 'maximum number of clips under way')
        .default(defaults.maxQueue)
        .argParser(parserOf(recognizerOptionsSchema.shape.maxQueue)),
    )
    .addOption(
      new Option('--max-upload <size>', 'maximum size of a recording')
        .default(defaults.server.maxUploadBytes, '200M')
        .argParser(byteSize),
    )
    .addOption(
      new Option('--max-duration <time>', 'maximum duration of a recording')
        .default(defaults.server.maxDuration, '2h')
        .argParser(duration),
    )
    .addOption(
      new Option('--timeout <time>', 'maximum time for a recording, including the wait in the queue')
        .default(defaults.server.timeoutMs, '10m')
        .argParser(timerMs),
    )
    .addOption(
      new Option('--max-connections <count>', 'maximum number of open connections; 0 for no limit')
        .default(defaults.connections.all)
        .argParser(countOrZero),
    )
    .addOption(
      new Option(
        '--connections-per-address <count>',
        'maximum number of open connections from one address; 0 for no limit',
      )
        .default(defaults.connections.perAddress)
        .argParser(countOrZero),
    );
}

function addSecurityOptions(command: Command): void {
  command
    .optionsGroup('Security options:')
    .addOption(
      new Option('--token <secret>', 'secret that clients must send').env('EMOTION2VEC_TOKEN').argParser(nonEmpty),
    )
    .addOption(
      new Option(
        '--rate-limit <count>',
        'maximum requests per minute from one address; 0 for no limit; default 600, or 0 on localhost',
      ).argParser(countOrZero),
    )
    .addOption(
      new Option('--cors-origin <origins...>', 'origins whose pages may call the server')
        .default([], 'none')
        .argParser(origin),
    )
    .addOption(
      new Option(
        '--trust-proxy [proxies]',
        'trust the X-Forwarded-* headers of this many proxies in a row, or of these addresses; 1 if no value is given',
      )
        .preset('1')
        .argParser(proxies),
    );
}
