/** The options of every command that runs a model: where and how it runs, and which decoder reads its clips. */
import { type Command, Option } from 'commander';

import { decoderSchema, precisionSchema } from '../options/schemas.js';
import type { Decoder, Device, Precision, RecognizerOptions } from '../options/types.js';
import { byteSize, device, threads } from './parsers.js';

export interface PlacementFlags {
  device: Device;
  precision: Precision;
  threads?: number;
  /** Bytes. */
  memoryBudget?: number;
  decoder: Decoder;
}

/** Adds them in a group of their own. Options that are added to the command later must name their group. */
export function addPlacementOptions(command: Command): Command {
  return command
    .optionsGroup('Model options:')
    .addOption(
      new Option('--device <device>', 'device to run on: auto, cpu, cuda or cuda:N').default('auto').argParser(device),
    )
    .addOption(
      new Option('--precision <precision>', 'precision of the linear layers')
        .choices(precisionSchema.options)
        .default('auto'),
    )
    .addOption(threadsOption())
    .addOption(
      new Option('--memory-budget <size>', 'maximum memory for the model and its inferences, such as 500M').argParser(
        byteSize,
      ),
    )
    .addOption(
      new Option('--decoder <decoder>', 'audio decoder; auto uses ffmpeg for formats that are not built in')
        .choices(decoderSchema.options)
        .default('auto'),
    );
}

export function threadsOption(): Option {
  return new Option('--threads <count>', 'CPU threads for one inference').argParser(threads);
}

/** Converts the flags to options of a recognizer. */
export function placementOptions(flags: PlacementFlags): RecognizerOptions {
  const { device, precision, threads, memoryBudget, decoder } = flags;
  return { device, precision, threads, memoryBudgetBytes: memoryBudget, decoder };
}
