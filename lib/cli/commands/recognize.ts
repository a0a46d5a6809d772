import { type Command, Option } from 'commander';

import { defaults } from '../../options/limits.js';
import { granularitySchema } from '../../options/schemas.js';
import { FORMATS } from '../format.js';
import { nonEmpty, raw, timelineSeconds, window } from '../parsers.js';
import { addPlacementOptions } from '../placement.js';
import type { RecognizeFlags } from '../recognize.js';
import { modelOption } from './options.js';

export function addRecognize(program: Command): void {
  const command = program
    .command('recognize')
    .description('recognize the emotion in recordings')
    .argument('<files...>', 'audio files, folders, quoted glob patterns, or - for standard input')
    .optionsGroup('Model options:')
    .addOption(modelOption());
  addPlacementOptions(command)
    .optionsGroup('Inference options:')
    .addOption(
      new Option('--granularity <level>', 'result for the whole clip (utterance), or a timeline as well (frame)')
        .choices(granularitySchema.options)
        .default('utterance'),
    )
    .addOption(
      new Option('--window <seconds>', 'longest audio that is inferred in one piece: seconds, auto or off')
        .default('auto')
        .argParser(window),
    )
    .addOption(
      new Option('--timeline-window <seconds>', 'length of a timeline window')
        .default(defaults.timeline.window)
        .argParser(timelineSeconds),
    )
    .addOption(
      new Option('--timeline-hop <seconds>', 'step between timeline windows')
        .default(defaults.timeline.hop)
        .argParser(timelineSeconds),
    )
    .addOption(
      new Option(
        '--raw <format>',
        'read samples without a header: encoding:rate[:channels], such as mulaw:8000',
      ).argParser(raw),
    )
    .optionsGroup('Output options:')
    .option('--embedding', 'include the embedding')
    .addOption(
      new Option(
        '--output <folder>',
        'write result.json, processed_audio.wav and embedding.npy for each clip',
      ).argParser(nonEmpty),
    )
    .addOption(new Option('--format <format>', 'format of the printed results').choices(FORMATS).default('text'))
    .action(async (files: string[], flags: RecognizeFlags) => {
      const { runRecognize } = await import('../recognize.js');
      process.exitCode = await runRecognize(files, flags);
    });
}
