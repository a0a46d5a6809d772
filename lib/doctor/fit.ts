import { CUDA_MARGIN } from '../device/placement.js';
import { memoryNeeds, smallerRemedy } from '../model/memory-needs.js';
import type { ResolvedPrecision } from '../options/types.js';
import type { ModelFacts } from './facts.js';

type Model = Pick<ModelFacts, 'bytes' | 'card'>;

/**
 * Returns the memory that a process uses besides the model: that of Node and libtorch, without pages of files, which a cgroup
 * reclaims first. Measured: 100 MB with the built-in model, 196 MB while emotion2vec+ large is loaded.
 */
function cpuMargin({ bytes }: Pick<Model, 'bytes'>): number {
  return Math.min(100e6 + bytes / 3, 200 * 2 ** 20);
}

/** The part of that margin that even the shortest run needs. */
const MIN_MARGIN = 100e6;

/** Flags of a processor that runs bf16. The addon checks the same ones. */
const BF16_FLAGS = ['avx512f', 'avx512bw', 'avx512vl', 'avx512dq', 'avx512_vnni', 'avx512_bf16'];

/**
 * Returns the bytes that a process needs to run a model on the CPU; undefined if it cannot run in that precision or has no card.
 */
export function cpuNeeds(model: Model, precision: ResolvedPrecision): number | undefined {
  const needs = needsOf(model, precision, 'cpu');
  return needs === undefined ? undefined : needs + cpuMargin(model);
}

/** Returns the bytes that a process needs for clips of any length on this CPU, in the precision that `auto` chooses. */
export function defaultNeeds(model: Model, flags: ReadonlySet<string>): number | undefined {
  const own = model.card.value?.precision;
  return own && cpuNeeds(model, own === 'fp32' && hasBf16(flags) ? 'bf16' : own);
}

/** Returns the minimum number of bytes for recognizing even a short clip. */
export function minNeeds(model: Model): number {
  return model.bytes + MIN_MARGIN;
}

/** Returns whether no built-in model is smaller than the chosen one. */
export function isSmallest(models: readonly ModelFacts[]): boolean {
  const chosen = models.find((model) => model.chosen);
  return chosen !== undefined && models.every(({ builtIn, bytes }) => !builtIn || bytes >= chosen.bytes);
}

/** Returns the advice to quantize an archive; undefined if that does not help. */
export function quantizeRemedy({ path, bytes, card }: ModelFacts, available: number): string | undefined {
  if (card.value === undefined) return undefined;
  const budgetBytes = Math.max(0, available - cpuMargin({ bytes }));
  const archive = { bytes, card: card.value };
  const fits = (memoryNeeds(archive, card.value.precision, 'cpu')?.total ?? Infinity) <= budgetBytes;
  return fits ? undefined : smallerRemedy(path, archive, budgetBytes);
}

/** Returns the precisions that this processor can run a model in and that fit into the available memory. */
export function cpuPrecisions(model: Model, flags: ReadonlySet<string>, available: number): ResolvedPrecision[] {
  const supported: ResolvedPrecision[] = ['fp32'];
  if (hasBf16(flags)) supported.push('bf16');
  if (hasAvx2(flags)) supported.push('int8');
  const own = model.card.value?.precision;
  if (own !== undefined && !supported.includes(own)) supported.push(own); // computed in fp32, slowly
  return supported.filter((precision) => (cpuNeeds(model, precision) ?? Infinity) <= available);
}

/** Returns the bytes of GPU memory that a model needs; undefined if it cannot run in that precision or has no card. */
export function gpuNeeds(model: Model, precision: ResolvedPrecision): number | undefined {
  const needs = needsOf(model, precision, 'cuda');
  return needs === undefined ? undefined : needs + CUDA_MARGIN;
}

/** Returns the precisions in which a model fits into the free memory of a GPU. */
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
