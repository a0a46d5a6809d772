import * as z from '../vendor/zod.js';

import { EmotionError, messageOf } from '../shared/errors.js';
import { describeIssues } from '../options/parse.js';
import { shown } from '../shared/text.js';

/** The extra file inside an archive that makes it self-describing. */
export const CARD_FILE = 'emotion2vec.json';

const labelSchema = z
  .object({
    name: z.string().min(1),
    en: z.string().min(1),
    zh: z.string().min(1),
    /** True for a class that the model was never trained on: it never wins and is not reported. */
    unused: z.boolean(),
  })
  .strict();

const cardSchema = z.object({
  format: z.literal(1),
  name: z.string().min(1),
  version: z.string().min(1),
  description: z.string().optional(),
  licence: z.string().min(1),
  source: z.string().min(1),
  labels: z
    .array(labelSchema)
    .min(2)
    .refine((labels) => labels.some((label) => !label.unused), 'at least one label must be in use')
    .refine((labels) => new Set(labels.map((label) => label.name)).size === labels.length, 'names must differ'),
  /** Hz of the waveform that forward() takes. */
  sampleRate: z.number().int().min(1000).max(768_000),
  /** Frames a second. */
  frameRate: z.number().positive(),
  embeddingDim: z.number().int().positive(),
  /** The shortest waveform that has a frame. */
  minSamples: z.number().int().positive(),
  precision: z.enum(['fp32', 'bf16', 'fp16', 'int8']),
  /** Whether, in fp32 and int8, a clip's answer is the same to the bit whatever it is batched with: then it is, by default. */
  exactBatches: z.boolean().default(false),
});

export type ModelCard = z.infer<typeof cardSchema>;

/** What an archive lacks that breaks the contract. */
export const CONTRACT_REMEDY =
  'Give an archive that follows the contract in ARCHITECTURE.md, such as `emotion2vec import` writes.';

/** The card of an archive. Throws ERR_MODEL_LOAD, naming `path`, when the text is not one. */
export function parseCard(text: string, path: string): ModelCard {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new EmotionError('ERR_MODEL_LOAD', `${CARD_FILE} inside ${shown(path)} is not JSON (${messageOf(cause)})`, {
      cause,
      remedy: CONTRACT_REMEDY,
    });
  }
  const parsed = cardSchema.safeParse(json);
  if (!parsed.success) {
    const what = `${CARD_FILE} inside ${shown(path)} breaks the contract: ${describeIssues(parsed.error)}`;
    throw new EmotionError('ERR_MODEL_LOAD', what, { cause: parsed.error, remedy: CONTRACT_REMEDY });
  }
  return parsed.data;
}

/** Whether a label can win. Names that begin with "unuse" are FunASR's way to mark one that cannot. */
export function inUse(label: ModelCard['labels'][number]): boolean {
  return !label.unused && !label.name.startsWith('unuse');
}
