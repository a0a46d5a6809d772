import { formatBytes } from '../shared/bytes.js';
import { EmotionError } from '../shared/errors.js';
import type { Precision } from '../options/types.js';
import type { ModelCard } from './card.js';

export type ResolvedPrecision = Exclude<Precision, 'auto'>;

/** An archive, as its card and its size tell. */
export interface Archive {
  bytes: number;
  card: Pick<ModelCard, 'embeddingDim' | 'precision'>;
}

/** Bytes that a model takes where it runs. */
export interface MemoryNeeds {
  weights: number;
  /** Of the runs under way. */
  working: number;
  /** The most at any time, loading included. */
  total: number;
}

/** While weights become smaller: of the largest of them, and of what it becomes. */
const CONVERTING = 20e6;
/**
 * Bytes for runs, and those for each dimension of a frame. On the CPU a window of a minute in the programs of
 * native/program.h; on CUDA, where the plain module stores scores and batches are longer, 160 s of clips and a minute's window.
 * Measured on emotion2vec+ large and the built-in model, the latter by the peak of libtorch's allocator.
 */
const WORKING = { cpu: [40e6, 30e3], cuda: [40e6, 500e3] } as const;

/** Of emotion2vec+ in fp32, with what is no linear layer as it was: measured, large and base. */
const SIZES: Readonly<Record<ResolvedPrecision, number>> = { fp32: 1, bf16: 0.52, fp16: 0.52, int8: 0.28 };

/**
 * What a model needs in a precision; undefined where the archive cannot run in it. Smaller weights are made of those of the
 * archive, which therefore are in memory first.
 */
export function memoryNeeds(
  { bytes, card }: Archive,
  precision: ResolvedPrecision,
  device: 'cpu' | 'cuda',
): MemoryNeeds | undefined {
  if (card.precision !== 'fp32' && precision !== card.precision) return undefined;
  const weights = Math.ceil((bytes * SIZES[precision]) / SIZES[card.precision]);
  const [base, perDimension] = WORKING[device];
  const working = base + card.embeddingDim * perDimension;
  const loading = precision === card.precision ? weights : bytes + CONVERTING;
  return { weights, working, total: Math.max(loading, weights + working) };
}

/** Of the precisions that may be meant, the one that needs least. */
export function leastNeeds(archive: Archive, wanted: Precision, device: 'cpu' | 'cuda'): MemoryNeeds {
  const found = candidates(archive, wanted, device).map((precision) => memoryNeeds(archive, precision, device));
  const needs = found.filter((each) => each !== undefined).sort((a, b) => a.total - b.total);
  return needs[0] ?? memoryNeeds(archive, archive.card.precision, device)!;
}

/** What `auto` may choose (native/precision.h). */
function candidates({ card }: Archive, wanted: Precision, device: 'cpu' | 'cuda'): ResolvedPrecision[] {
  if (wanted !== 'auto') return [wanted];
  return card.precision === 'fp32' && device === 'cpu' ? ['fp32', 'bf16', 'int8'] : [card.precision];
}

/** @throws EmotionError ERR_OUT_OF_MEMORY where an archive cannot fit, with the precision that would */
export function checkBudget(
  file: string,
  archive: Archive,
  { precision, device, budgetBytes }: { precision: Precision; device: 'cpu' | 'cuda'; budgetBytes: number | undefined },
): void {
  const { total, weights, working } = leastNeeds(archive, precision, device);
  if (budgetBytes === undefined || total <= budgetBytes) return;
  const parts = `${formatBytes(weights)} of weights, ${formatBytes(working)} for runs`;
  throw new EmotionError(
    'ERR_OUT_OF_MEMORY',
    `${file} needs about ${formatBytes(total)} (${parts}), and memoryBudgetBytes allows ${formatBytes(budgetBytes)}`,
    { remedy: smallerRemedy(file, archive, budgetBytes) ?? `Allow ${formatBytes(total)} or more.` },
  );
}

/** Returns the advice to quantize an archive so that it fits; undefined where that does not help. */
export function smallerRemedy(file: string, { bytes, card }: Archive, budgetBytes: number): string | undefined {
  if (card.precision !== 'fp32') return undefined;
  for (const precision of ['bf16', 'int8'] as const) {
    const smaller = { bytes: bytes * SIZES[precision], card: { ...card, precision } };
    const needs = memoryNeeds(smaller, precision, 'cpu')!;
    if (needs.total > budgetBytes) continue;
    const command = `emotion2vec quantize ${file} smaller.pt --precision ${precision}`;
    return `As an archive in ${precision} it needs about ${formatBytes(needs.total)} and fits: \`${command}\`.`;
  }
  return undefined;
}
