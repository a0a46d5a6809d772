import type { Precision, ResolvedPrecision } from '../options/types.js';
import { formatBytes } from '../shared/bytes.js';
import { EmotionError, type Problem } from '../shared/errors.js';
import { shown } from '../shared/text.js';
import type { ModelCard } from './card.js';

/** The properties of an archive that the estimate depends on. */
export interface SizedModel {
  /** Size of the archive. */
  bytes: number;
  card: Pick<ModelCard, 'embeddingDim' | 'precision'>;
}

/** Number of bytes that a model takes on its device. */
export interface MemoryNeeds {
  weights: number;
  /** Bytes for the runs under way. */
  working: number;
  /** Maximum number of bytes at any time, including during loading. */
  total: number;
}

/** Bytes for the conversion of weights: the largest weight, before and after. */
const CONVERTING = 20e6;
/**
 * Bytes for runs: a base, and an amount for each dimension of a frame. On the CPU they are sufficient for a window of a minute,
 * run by the compiled programs of the addon. On CUDA, where the plain module stores attention scores and batches are longer, they
 * are sufficient for 160 s of clips and a window of a minute. Measured on emotion2vec+ large and on the built-in model; on the
 * latter as the peak of libtorch's allocator.
 */
const WORKING = { cpu: [40e6, 30e3], cuda: [40e6, 500e3] } as const;

/** Size of emotion2vec+ relative to fp32. Only linear layers become smaller. Measured on the large and the base model. */
const SIZES: Readonly<Record<ResolvedPrecision, number>> = { fp32: 1, bf16: 0.52, fp16: 0.52, int8: 0.28 };

/**
 * Estimates what a model needs in a precision; undefined if the archive cannot run in it. Weights that are converted while the
 * model loads are in memory in their original size first.
 */
export function memoryNeeds(
  { bytes, card }: SizedModel,
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

/** Returns the smallest needs among the precisions that may be chosen. */
export function leastNeeds(archive: SizedModel, requested: Precision, device: 'cpu' | 'cuda'): MemoryNeeds {
  const found = candidates(archive, requested, device).map((precision) => memoryNeeds(archive, precision, device));
  const needs = found.filter((each) => each !== undefined).sort((a, b) => a.total - b.total);
  return needs[0] ?? memoryNeeds(archive, archive.card.precision, device)!;
}

/** The precisions that may be chosen; `auto` decides when the model loads (native/module/precision.h). */
function candidates({ card }: SizedModel, requested: Precision, device: 'cpu' | 'cuda'): ResolvedPrecision[] {
  if (requested !== 'auto') return [requested];
  return card.precision === 'fp32' && device === 'cpu' ? ['fp32', 'bf16', 'int8'] : [card.precision];
}

/** The device, precision and budget that a model is to run with. */
export interface FitRequest {
  precision: Precision;
  device: 'cpu' | 'cuda';
  /** Maximum number of bytes that the model may take. Undefined: no maximum. */
  budgetBytes: number | undefined;
}

/**
 * Checks that an archive can fit into a memory budget.
 * @throws EmotionError ERR_OUT_OF_MEMORY, whose remedy names the precision that would fit
 */
export function checkBudget(file: string, archive: SizedModel, request: FitRequest): void {
  const problem = budgetProblem(file, archive, request);
  if (problem !== undefined) throw EmotionError.from(problem);
}

/** Returns why an archive cannot fit into a memory budget; undefined if it can. */
function budgetProblem(
  file: string,
  archive: SizedModel,
  { precision, device, budgetBytes }: FitRequest,
): Problem | undefined {
  const { total, weights, working } = leastNeeds(archive, precision, device);
  if (budgetBytes === undefined || total <= budgetBytes) return undefined;
  const parts =
    total > weights + working
      ? 'while it is loaded and its weights are converted'
      : `${formatBytes(weights)} of weights, ${formatBytes(working)} for runs`;
  return {
    code: 'ERR_OUT_OF_MEMORY',
    what: `${shown(file)} needs about ${formatBytes(total)} (${parts}), and memoryBudgetBytes allows ${formatBytes(budgetBytes)}`,
    remedy: smallerRemedy(file, archive, budgetBytes) ?? `Allow ${formatBytes(total)} or more.`,
  };
}

/** Returns the advice to quantize an archive; undefined if no precision makes it fit. */
export function smallerRemedy(file: string, { bytes, card }: SizedModel, budgetBytes: number): string | undefined {
  if (card.precision !== 'fp32') return undefined;
  for (const precision of ['bf16', 'int8'] as const) {
    const smaller = { bytes: bytes * SIZES[precision], card: { ...card, precision } };
    const needs = memoryNeeds(smaller, precision, 'cpu')!;
    if (needs.total > budgetBytes) continue;
    const command = `emotion2vec quantize ${file} smaller.pt --precision ${precision}`;
    return `As an archive in ${precision} it would need about ${formatBytes(needs.total)} and fit: \`${command}\`.`;
  }
  return undefined;
}
