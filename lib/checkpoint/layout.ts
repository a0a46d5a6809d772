import { EmotionError } from '../shared/errors.js';
import { largest } from '../shared/largest.js';
import { shown } from '../shared/text.js';
import { Global, LazyTensor, Placeholder } from './pickle-values.js';

/** The sizes of an emotion2vec+ network, taken from the names and shapes of its weights. */
export interface Layout {
  /** `large`, `base`, or a name made of the sizes. */
  size: string;
  /** Number of dimensions of a frame. */
  dim: number;
  /** Number of blocks of the context encoder. */
  contextDepth: number;
  /** Number of blocks after the context encoder. */
  depth: number;
  /** Number of labels. */
  labels: number;
  /** The weights of the network, by the names that models/emotion2vec/network.py uses. */
  tensors: ReadonlyMap<string, LazyTensor>;
}

const ENCODER = 'modality_encoders.AUDIO.';
/** Kernel sizes of the extractor's convolutions, which are the same in all emotion2vec models. */
const KERNELS = [10, 3, 3, 3, 3, 2, 2];
const CHANNELS = 512;
const POSITIONAL = 5;
/** Number of blocks that the architecture archive has room for (models/emotion2vec/network.py). */
const MAX_BLOCKS = 32;
/**
 * Maximum sizes of a frame, of the hidden layer of a block and of a positional kernel: eight times those of emotion2vec+ large.
 */
const MAX_DIM = 8192;
const MAX_HIDDEN = 4 * MAX_DIM;
const MAX_KERNEL = 1024;
const MAX_EXTRA_TOKENS = 1024;
/** Maximum number of labels. emotion2vec+ has nine. */
const MAX_LABELS = 1000;
/** Maximum length of a weight's name. Longer names belong to no weight of the network. */
const MAX_NAME = 300;

/**
 * Finds the network in the content of a checkpoint, and checks the name and the shape of every weight.
 * @param content what torch.save stored
 * @throws EmotionError ERR_CHECKPOINT that names a weight that is missing or has the wrong shape
 */
export function recognizeLayout(content: unknown, file: string): Layout {
  const found = weightsIn(content, file);
  const anchor = [...found.keys()].find((name) => name.endsWith(`${ENCODER}extra_tokens`));
  if (anchor === undefined) throw refuse(file, `it contains no ${ENCODER}extra_tokens`);
  const prefix = anchor.slice(0, -`${ENCODER}extra_tokens`.length);
  const encoder = `${prefix}${ENCODER}`;
  const shapeOf = (name: string): readonly number[] => {
    const tensor = found.get(name);
    if (tensor === undefined) throw refuse(file, `it contains no ${shown(name)}`);
    return tensor.shape;
  };
  /** Checks a size that differs between networks. */
  const sizeOf = (what: string, size: number | undefined, max: number, min = 1): number => {
    if (size !== undefined && size >= min && size <= max) return size;
    throw refuse(file, `it has ${size ?? 'no'} ${what}, and ${min} to ${max} are supported`);
  };
  const outer = prefix.replace(/d2v_model\.$/, '');
  const head = [`${outer}proj.`, `${prefix}proj.`, 'proj.'].find((name) => found.has(`${name}weight`));
  if (head === undefined) {
    throw refuse(
      file,
      'it has no head (proj.weight), so it is a pretrained backbone without emotions, not emotion2vec+',
    );
  }
  const dim = sizeOf('dimensions', shapeOf(anchor)[2], MAX_DIM);
  const extra = sizeOf('extra tokens', shapeOf(anchor)[1], MAX_EXTRA_TOKENS);
  const heads = sizeOf('heads', found.get(`${encoder}alibi_scale`)?.elements, dim);
  const contextDepth = sizeOf('blocks', countOf(found, `${encoder}context_encoder.blocks.`), MAX_BLOCKS);
  const depth = sizeOf('blocks', countOf(found, `${prefix}blocks.`), MAX_BLOCKS);
  const labels = sizeOf('labels', shapeOf(`${head}weight`)[0], MAX_LABELS, 2);
  const kernel = shapeOf(`${encoder}relative_positional_encoder.1.0.weight`);
  const group = sizeOf('channels per group of its positional convolutions', kernel[1], dim);
  const width = sizeOf('steps in the kernel of its positional convolutions', kernel[2], MAX_KERNEL);
  if (dim % heads !== 0) throw refuse(file, `its ${dim} dimensions cannot be divided by its ${heads} heads`);
  if (dim % group !== 0) {
    throw refuse(file, `its ${dim} dimensions cannot be divided into the groups of its positional convolutions`);
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
  const hidden = sizeOf('hidden units', found.get(`${prefix}blocks.0.mlp.fc1.bias`)?.shape[0] ?? 4 * dim, MAX_HIDDEN);
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
    const shortName = shown(name);
    if (tensor === undefined) problems.push(`${shortName} is missing`);
    else if (String(tensor.shape) !== String(shape)) {
      problems.push(
        `${shortName} has the shape [${shown(tensor.shape.join(', '), 40)}], and [${shape.join(', ')}] is expected`,
      );
    } else tensors.set(canonical(name, prefix, head), tensor);
  }
  if (problems.length > 0) {
    const more = problems.length > 1 ? ` and ${problems.length - 1} more` : '';
    throw refuse(file, `${problems[0]}${more}`);
  }
  return { size: sizeName(dim, contextDepth, depth), dim, contextDepth, depth, labels, tensors };
}

/** Returns the weights: under "model" in the files of FunASR, at the top level in a plain state dict. */
function weightsIn(content: unknown, file: string): Map<string, LazyTensor> {
  if (content instanceof Placeholder && content.type instanceof Global) {
    throw refuse(file, `it contains a whole object (${shown(content.type.path)}) instead of the weights of one`);
  }
  const inner: unknown =
    content instanceof Map ? (content.get('model') ?? content.get('state_dict') ?? content) : undefined;
  const weights = new Map<string, LazyTensor>();
  if (inner instanceof Map) {
    for (const [name, value] of inner as Map<string, unknown>) {
      if (value instanceof LazyTensor && name.length <= MAX_NAME) weights.set(name, value);
    }
  }
  return weights;
}

/** Returns the name that models/emotion2vec/network.py uses for a weight. */
function canonical(name: string, prefix: string, head: string): string {
  return name.startsWith(head) ? `proj.${name.slice(head.length)}` : `d2v_model.${name.slice(prefix.length)}`;
}

/** Returns the number of blocks whose names begin with `blocks`. */
function countOf(found: ReadonlyMap<string, unknown>, blocks: string): number {
  const numbers = [...found.keys()]
    .filter((name) => name.startsWith(blocks))
    .map((name) => /^\d+(?=\.)/.exec(name.slice(blocks.length)))
    .map((index) => Number(index?.[0] ?? NaN))
    .filter((index) => index >= 0);
  return largest(numbers, -1) + 1;
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
  return new EmotionError('ERR_CHECKPOINT', `${shown(file)} is not an emotion2vec+ checkpoint: ${why}`);
}
