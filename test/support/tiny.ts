/**
 * The tiny emotion2vec of the parity fixture: FunASR's architecture with 64 dimensions and 2 + 2 blocks. Its weights and clips
 * come from a formula that scripts/make-parity-fixture.py follows too, number for number, so neither is committed. The formula
 * has weights for other sizes too (full-size.ts).
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { importCheckpoint } from '../../lib/checkpoint/import.js';
import { type Stored, writeCheckpoint } from './checkpoint.js';

export const LABELS =
  '生气/angry 厌恶/disgusted 恐惧/fearful 开心/happy 中立/neutral 其他/other 难过/sad 吃惊/surprised <unk>'.split(' ');

/** The sizes in which emotion2vec networks differ. */
export interface NetworkSize {
  dim: number;
  heads: number;
  /** Number of blocks of the context encoder, and after it. */
  contextBlocks: number;
  blocks: number;
}

const TINY: NetworkSize = { dim: 64, heads: 4, contextBlocks: 2, blocks: 2 };
const GROUPS = 16;

/** Returns uniform numbers of mean 0 and variance 1 that are hashes of (seed, index). */
export function noise(seed: number, length: number): Float64Array {
  const values = new Float64Array(length);
  for (let i = 0; i < length; i++) {
    let x = Math.imul(i + 1, 0x9e3779b1) ^ seed;
    x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    x ^= x >>> 16;
    values[i] = ((x >>> 0) / 2 ** 32 - 0.5) * 3.4641016151377544;
  }
  return values;
}

/** FNV-1a. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value;
}

export function clip(seed: number, length: number, gain = 0.1): Float32Array {
  return Float32Array.from(noise(seed, length), (value) => value * gain);
}

export function tinyWeights(): Map<string, Stored> {
  return seededWeights(TINY);
}

/** Returns the weights of an emotion2vec network of this size, with one seed for each name. */
export function seededWeights({ dim, heads, contextBlocks, blocks }: NetworkSize): Map<string, Stored> {
  const weights = new Map<string, Stored>();
  const add = (name: string, ...shape: number[]): void => {
    const values = noise(
      hash(name),
      shape.reduce((product, size) => product * size, 1),
    );
    const fan = shape.slice(1).reduce((product, size) => product * size, 1);
    const [scale, mean] = ((): [number, number] => {
      if (name.endsWith('alibi_scale')) return [0.5, 0.5];
      if (shape.length === 1) return [0.1, name.endsWith('weight') ? 1 : 0];
      return [name.endsWith('extra_tokens') ? 1 : fan ** -0.5, 0];
    })();
    weights.set(name, { shape, data: Float32Array.from(values, (x) => x * scale + mean) });
  };
  const encoder = 'd2v_model.modality_encoders.AUDIO.';
  add(`${encoder}extra_tokens`, 1, 10, dim);
  add(`${encoder}alibi_scale`, 1, 1, heads, 1, 1);
  [10, 3, 3, 3, 3, 2, 2].forEach((kernel, i) => {
    add(`${encoder}local_encoder.conv_layers.${i}.0.weight`, 512, i === 0 ? 1 : 512, kernel);
    add(`${encoder}local_encoder.conv_layers.${i}.2.1.weight`, 512);
    add(`${encoder}local_encoder.conv_layers.${i}.2.1.bias`, 512);
  });
  add(`${encoder}project_features.1.weight`, 512);
  add(`${encoder}project_features.1.bias`, 512);
  add(`${encoder}project_features.2.weight`, dim, 512);
  add(`${encoder}project_features.2.bias`, dim);
  for (let i = 1; i <= 5; i++) {
    add(`${encoder}relative_positional_encoder.${i}.0.weight`, dim, dim / GROUPS, 19);
    add(`${encoder}relative_positional_encoder.${i}.0.bias`, dim);
  }
  add(`${encoder}context_encoder.norm.weight`, dim);
  add(`${encoder}context_encoder.norm.bias`, dim);
  for (const [stack, count] of [
    [`${encoder}context_encoder.blocks.`, contextBlocks],
    ['d2v_model.blocks.', blocks],
  ] as const) {
    for (let i = 0; i < count; i++) {
      const block = `${stack}${i}.`;
      for (const [name, out, size] of [
        ['attn.qkv', 3 * dim, dim],
        ['attn.proj', dim, dim],
        ['mlp.fc1', 4 * dim, dim],
        ['mlp.fc2', dim, 4 * dim],
      ] as const) {
        add(`${block}${name}.weight`, out, size);
        add(`${block}${name}.bias`, out);
      }
      for (const name of ['norm1', 'norm2']) {
        add(`${block}${name}.weight`, dim);
        add(`${block}${name}.bias`, dim);
      }
    }
  }
  add('proj.weight', LABELS.length, dim);
  add('proj.bias', LABELS.length);
  return weights;
}

/** Returns a new folder with model.pt and tokens.txt of the tiny model. */
export function tinySnapshot(weights = tinyWeights(), labels: readonly string[] = LABELS): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-tiny-'));
  writeCheckpoint(path.join(folder, 'model.pt'), weights);
  writeFileSync(path.join(folder, 'tokens.txt'), `${labels.join('\n')}\n`);
  return folder;
}

/** Imports the tiny model as an archive, at `archive` or in a new folder. */
export async function importTiny(archive?: string): Promise<string> {
  const folder = tinySnapshot();
  const output = archive ?? path.join(mkdtempSync(path.join(tmpdir(), 'emotion2vec-archive-')), 'tiny.pt');
  await importCheckpoint(folder, output);
  rmSync(folder, { recursive: true });
  return output;
}
