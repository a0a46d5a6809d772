import { CUDA_MARGIN } from '../device/placement.js';
import { checkBudget, memoryNeeds } from '../model/memory-needs.js';
import type { ResolvedPrecision } from '../options/types.js';
import type { ModelFacts } from './facts.js';
import { known } from './finding.js';

type Model = Pick<ModelFacts, 'bytes' | 'card'>;

/**
 * Of a process beside the model, Node and libtorch, without pages of files, which no cgroup counts against it while there are
 * others: measured, 100 MB with the built-in model, 196 MB while emotion2vec+ large is loaded.
 */
function cpuMargin({ bytes }: Pick<Model, 'bytes'>): number {
  return Math.min(100e6 + bytes / 3, 200 * 2 ** 20);
}

/** Of that, what the shortest run cannot do without. */
const LEAST_MARGIN = 100e6;

/** What bf16 takes of the processor, as in native/processor.cc. */
const BF16_FLAGS = ['avx512f', 'avx512bw', 'avx512vl', 'avx512dq', 'avx512_vnni', 'avx512_bf16'];

/** Bytes that a process takes that runs a model on the CPU; undefined where it cannot run so, or its card is not known. */
export function cpuNeeds(model: Model, precision: ResolvedPrecision): number | undefined {
  const needs = needsOf(model, precision, 'cpu');
  return needs === undefined ? undefined : needs + cpuMargin(model);
}

/** Bytes that a process takes that runs a model on this CPU in the precision of its choice, be clips as long as they may. */
export function triedNeeds(model: Model, flags: ReadonlySet<string>): number | undefined {
  const own = model.card.value?.precision;
  return own && cpuNeeds(model, own === 'fp32' && hasBf16(flags) ? 'bf16' : own);
}

/** Bytes without which not even a short clip is recognised. */
export function leastNeeds(model: Model): number {
  return model.bytes + LEAST_MARGIN;
}

/** Of the models, whether none that is built in is smaller than the chosen one. */
export function isSmallest(models: readonly ModelFacts[]): boolean {
  const chosen = models.find((model) => model.chosen);
  return chosen !== undefined && models.every(({ builtIn, bytes }) => !builtIn || bytes >= chosen.bytes);
}

/** The advice to make an archive smaller; undefined where that does not help. */
export function smallerRemedy({ path, bytes, card }: ModelFacts, available: number): string | undefined {
  if (card.value === undefined) return undefined;
  const { precision } = card.value;
  const wish = { precision, device: 'cpu', budgetBytes: Math.max(0, available - cpuMargin({ bytes })) } as const;
  const { remedy } = known(() => checkBudget(path, { bytes, card: card.value }, wish)).problem ?? {};
  return remedy?.includes('quantize') ? remedy : undefined;
}

/** Of the precisions that this processor runs a model in, those that fit into so much memory. */
export function cpuPrecisions(model: Model, flags: ReadonlySet<string>, available: number): ResolvedPrecision[] {
  const able: ResolvedPrecision[] = ['fp32'];
  if (hasBf16(flags)) able.push('bf16');
  if (hasAvx2(flags)) able.push('int8');
  const own = model.card.value?.precision;
  if (own !== undefined && !able.includes(own)) able.push(own); // slowly, in fp32
  return able.filter((precision) => (cpuNeeds(model, precision) ?? Infinity) <= available);
}

/** Bytes of a GPU that a model takes; undefined where it cannot run so, or its card is not known. */
export function gpuNeeds(model: Model, precision: ResolvedPrecision): number | undefined {
  const needs = needsOf(model, precision, 'cuda');
  return needs === undefined ? undefined : needs + CUDA_MARGIN;
}

/** The precisions in which a model fits into so much memory of a GPU. */
export function gpuPrecisions(model: Model, free: number): ResolvedPrecision[] {
  const all: ResolvedPrecision[] = ['fp32', 'bf16', 'fp16', 'int8'];
  return all.filter((precision) => (gpuNeeds(model, precision) ?? Infinity) <= free);
}

function hasBf16(flags: ReadonlySet<string>): boolean {
  return BF16_FLAGS.every((flag) => flags.has(flag));
}

export function hasAvx2(flags: ReadonlySet<string>): boolean {
  return flags.has('avx2') && flags.has('fma');
}

function needsOf({ bytes, card }: Model, precision: ResolvedPrecision, device: 'cpu' | 'cuda'): number | undefined {
  return card.value && memoryNeeds({ bytes, card: card.value }, precision, device)?.total;
}
