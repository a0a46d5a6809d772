import { EmotionError } from '../shared/errors.js';
import { brief } from '../archive/brief.js';
import { Global, LazyTensor, Placeholder } from './pickle-values.js';

/** An emotion2vec+ network as a checkpoint's names and shapes tell it. */
export interface Layout {
  /** `large`, `base`, or what it measures. */
  size: string;
  dim: number;
  contextDepth: number;
  depth: number;
  labels: number;
  /** What the network needs, by the name that it expects. */
  tensors: ReadonlyMap<string, LazyTensor>;
}

const ENCODER = 'modality_encoders.AUDIO.';
/** Kernel of each of the extractor's convolutions; all emotion2vec models have the same. */
const KERNELS = [10, 3, 3, 3, 3, 2, 2];
const CHANNELS = 512;
const POSITIONAL = 5;
/** As many blocks as the architecture archive has room for (models/emotion2vec/network.py). */
const MOST_BLOCKS = 32;
/** Dimensions of a frame, within a block and of a positional kernel: eight times those of emotion2vec+ large. */
const MOST_DIM = 8192;
const MOST_HIDDEN = 4 * MOST_DIM;
const MOST_KERNEL = 1024;
const MOST_EXTRA_TOKENS = 1024;
/** emotion2vec+ has nine. */
const MOST_LABELS = 1000;
/** Characters of a weight's name: what is longer is none that is looked for. */
const MOST_NAME = 300;

/**
 * Recognises the network in what torch.save stored, and checks every name and shape.
 * @throws EmotionError ERR_CHECKPOINT naming what is missing or of the wrong shape
 */
export function recogniseLayout(content: unknown, file: string): Layout {
  const found = weightsIn(content, file);
  const anchor = [...found.keys()].find((name) => name.endsWith(`${ENCODER}extra_tokens`));
  if (anchor === undefined) throw refuse(file, `it holds no ${ENCODER}extra_tokens`);
  const prefix = anchor.slice(0, -`${ENCODER}extra_tokens`.length);
  const encoder = `${prefix}${ENCODER}`;
  const shapeOf = (name: string): readonly number[] => {
    const tensor = found.get(name);
    if (tensor === undefined) throw refuse(file, `it holds no ${brief(name)}`);
    return tensor.shape;
  };
  /** A size that the network is free to choose. */
  const sizeOf = (what: string, size: number | undefined, most: number, least = 1): number => {
    if (size !== undefined && size >= least && size <= most) return size;
    throw refuse(file, `it has ${size ?? 'no'} ${what}, where ${least} to ${most} are possible`);
  };
  const outer = prefix.replace(/d2v_model\.$/, '');
  const head = [`${outer}proj.`, `${prefix}proj.`, 'proj.'].find((name) => found.has(`${name}weight`));
  if (head === undefined) {
    throw refuse(
      file,
      'it has no head (proj.weight), so it is a pretrained model that knows no emotions, not emotion2vec+',
    );
  }
  const dim = sizeOf('dimensions', shapeOf(anchor)[2], MOST_DIM);
  const extra = sizeOf('extra tokens', shapeOf(anchor)[1], MOST_EXTRA_TOKENS);
  const heads = sizeOf('heads', found.get(`${encoder}alibi_scale`)?.elements, dim);
  const contextDepth = sizeOf('blocks', countOf(found, `${encoder}context_encoder.blocks.`), MOST_BLOCKS);
  const depth = sizeOf('blocks', countOf(found, `${prefix}blocks.`), MOST_BLOCKS);
  const labels = sizeOf('labels', shapeOf(`${head}weight`)[0], MOST_LABELS, 2);
  const kernel = shapeOf(`${encoder}relative_positional_encoder.1.0.weight`);
  const group = sizeOf('channels in a group of its positional convolutions', kernel[1], dim);
  const width = sizeOf('steps in the kernel of its positional convolutions', kernel[2], MOST_KERNEL);
  if (dim % heads !== 0) throw refuse(file, `${dim} dimensions do not divide among ${heads} heads`);
  if (dim % group !== 0) {
    throw refuse(file, `its positional convolutions do not divide ${dim} dimensions into groups`);
  }

  const expected = new Map<string, readonly number[]>();
  const inEncoder = (name: string, ...shape: number[]): void => void expected.set(`${encoder}${name}`, shape);
  inEncoder('extra_tokens', 1, extra, dim);
  inEncoder('alibi_scale', 1, 1, heads, 1, 1);
  KERNELS.forEach((size, i) => {
    inEncoder(`local_encoder.conv_layers.${i}.0.weight`, CHANNELS, i === 0 ? 1 : CHANNELS, size);
    inEncoder(`local_encoder.conv_layers.${i}.2.1.weight`, CHANNELS);
    inEncoder(`local_encoder.conv_layers.${i}.2.1.bias`, CHANNELS);
  });
  inEncoder('project_features.1.weight', CHANNELS);
  inEncoder('project_features.1.bias', CHANNELS);
  inEncoder('project_features.2.weight', dim, CHANNELS);
  inEncoder('project_features.2.bias', dim);
  for (let i = 1; i <= POSITIONAL; i++) {
    inEncoder(`relative_positional_encoder.${i}.0.weight`, dim, group, width);
    inEncoder(`relative_positional_encoder.${i}.0.bias`, dim);
  }
  inEncoder('context_encoder.norm.weight', dim);
  inEncoder('context_encoder.norm.bias', dim);
  const hidden = sizeOf('hidden units', found.get(`${prefix}blocks.0.mlp.fc1.bias`)?.shape[0] ?? 4 * dim, MOST_HIDDEN);
  for (const [blocks, count] of [
    [`${encoder}context_encoder.blocks.`, contextDepth],
    [`${prefix}blocks.`, depth],
  ] as const) {
    for (let i = 0; i < count; i++) {
      for (const [name, shape] of blockShapes(dim, hidden)) expected.set(`${blocks}${i}.${name}`, shape);
    }
  }
  expected.set(`${head}weight`, [labels, dim]);
  expected.set(`${head}bias`, [labels]);

  const tensors = new Map<string, LazyTensor>();
  const problems: string[] = [];
  for (const [name, shape] of expected) {
    const tensor = found.get(name);
    const shortName = brief(name);
    if (tensor === undefined) problems.push(`${shortName} is missing`);
    else if (String(tensor.shape) !== String(shape)) {
      problems.push(`${shortName} is [${brief(tensor.shape.join(', '), 40)}] where [${shape.join(', ')}] is expected`);
    } else tensors.set(canonical(name, prefix, head), tensor);
  }
  if (problems.length > 0) {
    const more = problems.length > 1 ? ` and ${problems.length - 1} more` : '';
    throw refuse(file, `${problems[0]}${more}`);
  }
  return { size: sizeName(dim, contextDepth, depth), dim, contextDepth, depth, labels, tensors };
}

/** The weights: under "model" in FunASR's files, at the top in a bare state dict. */
function weightsIn(content: unknown, file: string): Map<string, LazyTensor> {
  if (content instanceof Placeholder && content.type instanceof Global) {
    throw refuse(file, `it holds a whole object (${brief(content.type.path)}) rather than the weights of one`);
  }
  const inner: unknown =
    content instanceof Map ? (content.get('model') ?? content.get('state_dict') ?? content) : undefined;
  const weights = new Map<string, LazyTensor>();
  if (inner instanceof Map) {
    for (const [name, value] of inner as Map<string, unknown>) {
      if (value instanceof LazyTensor && name.length <= MOST_NAME) weights.set(name, value);
    }
  }
  return weights;
}

/** The name that models/emotion2vec/network.py asks for. */
function canonical(name: string, prefix: string, head: string): string {
  return name.startsWith(head) ? `proj.${name.slice(head.length)}` : `d2v_model.${name.slice(prefix.length)}`;
}

function countOf(found: ReadonlyMap<string, unknown>, blocks: string): number {
  const numbers = [...found.keys()]
    .filter((name) => name.startsWith(blocks))
    .map((name) => /^\d+(?=\.)/.exec(name.slice(blocks.length)))
    .map((index) => Number(index?.[0] ?? NaN))
    .filter((index) => index >= 0);
  return numbers.reduce((most, i) => Math.max(most, i + 1), 0);
}

function blockShapes(dim: number, hidden: number): [string, number[]][] {
  return [
    ['norm1.weight', [dim]],
    ['norm1.bias', [dim]],
    ['attn.qkv.weight', [3 * dim, dim]],
    ['attn.qkv.bias', [3 * dim]],
    ['attn.proj.weight', [dim, dim]],
    ['attn.proj.bias', [dim]],
    ['norm2.weight', [dim]],
    ['norm2.bias', [dim]],
    ['mlp.fc1.weight', [hidden, dim]],
    ['mlp.fc1.bias', [hidden]],
    ['mlp.fc2.weight', [dim, hidden]],
    ['mlp.fc2.bias', [dim]],
  ];
}

function sizeName(dim: number, contextDepth: number, depth: number): string {
  const known: Record<string, string> = { '1024,4,8': 'large', '768,4,8': 'base' };
  return known[String([dim, contextDepth, depth])] ?? `${dim}d-${contextDepth}+${depth}`;
}

function refuse(file: string, why: string): EmotionError {
  return new EmotionError('ERR_CHECKPOINT', `${brief(file)} is not an emotion2vec+ checkpoint: ${why}`);
}
