import { describeIssues } from '../options/parse.js';
import { EmotionError, messageOf } from '../shared/errors.js';
import type { ResolvedPrecision } from '../shared/resolved.js';
import { shown } from '../shared/text.js';
import * as z from '../vendor/zod.js';

/** Name of the extra file that contains the model card of an archive. */
export const CARD_FILE = 'emotion2vec.json';

/** A class that a model can output. */
export interface ModelLabel {
  /** The name that results use. */
  name: string;
  /** English name. */
  en: string;
  /** Chinese name. */
  zh: string;
  /** Whether the model was never trained on this class. It then never wins and is not reported. */
  unused: boolean;
}

/** The model card: the description of a model that its archive contains (ARCHITECTURE.md, "Model archives"). */
export interface ModelCard {
  format: 1;
  name: string;
  version: string;
  description?: string | undefined;
  license: string;
  source: string;
  labels: ModelLabel[];
  /** Sample rate in Hz of the waveform that forward() takes. */
  sampleRate: number;
  /** Frames per second. */
  frameRate: number;
  /** Number of features of a frame. */
  embeddingDim: number;
  /** Number of samples of the shortest waveform that produces a frame. */
  minSamples: number;
  precision: ResolvedPrecision;
  /**
   * Whether, in fp32 and int8, the output for a clip is identical to the bit in any batch. Such models run in batches by default.
   */
  exactBatches: boolean;
}

const labelSchema: z.ZodType<ModelLabel> = z.strictObject({
  name: z.string().min(1),
  en: z.string().min(1),
  zh: z.string().min(1),
  unused: z.boolean(),
});

/** The compiler checks it against the interface, because the typings of the package must not depend on those of zod. */
const cardSchema: z.ZodType<ModelCard> = z.object({
  format: z.literal(1),
  name: z.string().min(1),
  version: z.string().min(1),
  description: z.string().optional(),
  license: z.string().min(1),
  source: z.string().min(1),
  labels: z
    .array(labelSchema)
    .min(2)
    .refine((labels) => labels.some((label) => !label.unused), 'at least one label must be in use')
    .refine((labels) => new Set(labels.map((label) => label.name)).size === labels.length, 'names must differ'),
  sampleRate: z.number().int().min(1000).max(768_000),
  frameRate: z.number().positive(),
  embeddingDim: z.number().int().positive(),
  minSamples: z.number().int().positive(),
  precision: z.enum(['fp32', 'bf16', 'fp16', 'int8']),
  exactBatches: z.boolean().default(false),
});

/** The remedy for an archive that violates the contract. */
export const CONTRACT_REMEDY =
  'Use an archive that follows the contract in ARCHITECTURE.md, such as `emotion2vec import` writes.';

/**
 * Parses the text of a model card.
 * @param path path of the archive, for error messages
 * @throws EmotionError ERR_MODEL_LOAD
 */
export function parseCard(text: string, path: string): ModelCard {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new EmotionError('ERR_MODEL_LOAD', `${CARD_FILE} in ${shown(path)} is not JSON (${messageOf(cause)})`, {
      cause,
      remedy: CONTRACT_REMEDY,
    });
  }
  const parsed = cardSchema.safeParse(json);
  if (!parsed.success) {
    const what = `${CARD_FILE} in ${shown(path)} does not follow the contract: ${describeIssues(parsed.error)}`;
    throw new EmotionError('ERR_MODEL_LOAD', what, { cause: parsed.error, remedy: CONTRACT_REMEDY });
  }
  return parsed.data;
}

/** Returns whether a label can win. FunASR marks labels that cannot win with names that begin with "unuse". */
export function inUse(label: ModelLabel): boolean {
  return !label.unused && !label.name.startsWith('unuse');
}
