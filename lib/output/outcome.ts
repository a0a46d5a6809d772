import type { RecognitionResult } from '../recognition/result.js';
import type { EmotionError } from '../shared/errors.js';

/** The result of a clip, or its error. */
export interface Outcome {
  file: string;
  result?: RecognitionResult | undefined;
  error?: EmotionError | undefined;
}

/** Converts an outcome to JSON. Typed arrays become arrays, and audio is omitted. */
export function toJson({ file, result, error }: Outcome): Record<string, unknown> {
  if (error !== undefined) return { file, error: { code: error.code, message: error.message } };
  const { embedding, logits, processedAudio: _, ...rest } = result!;
  return {
    file,
    ...rest,
    ...(logits && { logits: Array.from(logits) }),
    ...(embedding && { embedding: Array.from(embedding) }),
  };
}
