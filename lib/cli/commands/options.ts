/** Options that several commands share. */
import { Option } from 'commander';

import { nonEmpty } from '../parsers.js';

/** Description of a model, as an argument or as the value of an option. */
export const MODEL = 'built-in name or path of an archive';

export function modelOption(description = MODEL): Option {
  return new Option('--model <name>', description).argParser(nonEmpty);
}
