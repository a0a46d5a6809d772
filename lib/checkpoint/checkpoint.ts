import { kindByNames } from '../archive/file-kind.js';
import { NotRegular } from '../archive/regular-file.js';
import { type Member, type Refuse, ZipFile } from '../archive/zip-file.js';
import { EmotionError } from '../shared/errors.js';
import { shown } from '../shared/text.js';
import type { AnyTensor, Dtype, TensorArrays } from '../torch/tensor.js';
import { readPickle } from './pickle.js';
import { LazyTensor } from './pickle-values.js';

/** The storage classes of PyTorch that weights can have, with the types of their elements. */
const STORAGES: Readonly<Record<string, { dtype: Dtype; bytes: number }>> = {
  FloatStorage: { dtype: 'float32', bytes: 4 },
  DoubleStorage: { dtype: 'float64', bytes: 8 },
  HalfStorage: { dtype: 'float16', bytes: 2 },
  BFloat16Storage: { dtype: 'bfloat16', bytes: 2 },
};
/** Maximum size of a pickle, without its tensors. That of emotion2vec+ large, with its optimizer, has less than a megabyte. */
const MAX_PICKLE_BYTES = 64 * 2 ** 20;
/**
 * Maximum number of bytes that the weights may take beyond their data in the file. Some weights share data, such as a bias of
 * zeros. Without a limit, a small file could fill the memory.
 */
const MAX_SHARED_BYTES = 64 * 2 ** 20;

/** An open checkpoint (a file that torch.save wrote). Its pickle is in memory; its tensors are read on request. */
export class Checkpoint implements AsyncDisposable {
  readonly #zip: ZipFile;
  readonly #root: string;
  readonly #refuse: Refuse;
  /** Buffer for the data of tensors. It is reused, because the garbage collector frees large buffers late. */
  #scratch = Buffer.alloc(0);

  private constructor(
    zip: ZipFile,
    /** The content that torch.save stored: Maps for dicts, LazyTensors for tensors. */
    readonly content: unknown,
    root: string,
    refuse: Refuse,
  ) {
    this.#zip = zip;
    this.#root = root;
    this.#refuse = refuse;
  }

  /**
   * Opens a checkpoint.
   * @throws EmotionError ERR_CHECKPOINT for a file that is damaged, of another kind, or refers to something that can run code;
   *   ERR_FILE_NOT_FOUND, ERR_FILE_READ
   */
  static async open(path: string): Promise<Checkpoint> {
    const refuse: Refuse = (why, { kind, ...options } = {}) => {
      if (options.cause instanceof NotRegular) {
        return new EmotionError('ERR_FILE_READ', `${shown(path)} cannot be read: ${why}`, options);
      }
      const remedy = kind?.forCheckpoint;
      return new EmotionError('ERR_CHECKPOINT', `${shown(path)} cannot be imported: ${why}`, { remedy, ...options });
    };
    const zip = await ZipFile.open(path, refuse);
    try {
      const pickle = findPickle(zip, refuse);
      const root = pickle.name.slice(0, -'data.pkl'.length);
      const order = zip.members.get(`${root}byteorder`);
      if (order !== undefined && String(await zip.read(order, 64)) !== 'little') {
        throw refuse('it was written on a big-endian machine', {
          remedy: 'Save it again on a little-endian machine: torch.save(torch.load(old, weights_only=True), new).',
        });
      }
      const bytes = await zip.read(pickle, MAX_PICKLE_BYTES);
      return new Checkpoint(zip, readPickle(bytes, `The pickle in ${shown(path)}`), root, refuse);
    } catch (error) {
      await zip[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Checks, before any tensor is read, that the file contains the data of all these tensors.
   * @throws EmotionError ERR_CHECKPOINT
   */
  check(tensors: ReadonlyMap<string, LazyTensor>): void {
    const members = new Set<Member>();
    let needed = 0;
    for (const [name, tensor] of tensors) {
      const { member, bytes } = this.#find(tensor, name);
      members.add(member);
      needed += bytes;
    }
    const stored = [...members].reduce((sum, { bytes }) => sum + bytes, 0);
    if (needed > stored + MAX_SHARED_BYTES) {
      throw this.#refuse(`its weights would take ${needed} bytes, and it contains ${stored} bytes of data for them`);
    }
  }

  /**
   * Reads a tensor. Its data is valid until the next read.
   * @param name of the tensor, for messages
   * @throws EmotionError ERR_CHECKPOINT if the data is missing or damaged, or is not what the pickle states
   */
  async read(tensor: LazyTensor, name: string): Promise<AnyTensor> {
    const { member, dtype, start, bytes } = this.#find(tensor, name);
    if (this.#scratch.length < bytes) this.#scratch = alignedBuffer(bytes, name);
    const content = this.#scratch.subarray(0, bytes);
    if (bytes === member.bytes) await this.#zip.readInto(member, content);
    else await this.#zip.readPart(member, start, content);
    const data = arrayOf(dtype, this.#scratch.buffer, tensor.elements);
    return { dtype, shape: [...tensor.shape], data } as AnyTensor;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#zip[Symbol.asyncDispose]();
  }

  /** Finds the data of a tensor. `start` is an offset in the member. */
  #find(tensor: LazyTensor, fullName: string): { member: Member; dtype: Dtype; start: number; bytes: number } {
    const { storage, offset, elements } = tensor;
    const name = shown(fullName);
    const kind = Object.hasOwn(STORAGES, storage.type) ? STORAGES[storage.type] : undefined;
    if (kind === undefined)
      throw this.#refuse(`${name} is stored as ${shown(storage.type)}, which is not a type of weights`);
    const member = this.#zip.members.get(`${this.#root}data/${storage.key}`);
    if (member === undefined) throw this.#refuse(`the data of ${name} is missing`);
    if (member.method !== 0) throw this.#refuse(`the data of ${name} is compressed, which torch.save never does`);
    if (!isContiguous(tensor)) throw this.#refuse(`${name} is not stored row by row`);
    const start = offset * kind.bytes;
    const bytes = elements * kind.bytes;
    if (storage.size * kind.bytes > member.bytes || offset + elements > storage.size) {
      throw this.#refuse(`${name} is larger than the data stored for it`);
    }
    return { member, dtype: kind.dtype, start, bytes };
  }
}

/** Finds the pickle of a checkpoint. */
function findPickle(zip: ZipFile, refuse: Refuse): Member {
  const names = [...zip.members.keys()];
  const kind = kindByNames(names);
  if (kind.kind !== 'checkpoint') throw refuse(`it is ${kind.name}, not a checkpoint`, { kind });
  const pickles = names.filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  if (pickles.length !== 1) throw refuse(`it contains ${pickles.length} data.pkl, and torch.save writes one`);
  const pickle = zip.members.get(pickles[0]!)!;
  if (pickle.method !== 0) throw refuse('its data.pkl is compressed, which torch.save never does');
  return pickle;
}

/** Returns a buffer that is aligned, unlike those of Node's pool. */
function alignedBuffer(bytes: number, name: string): Buffer<ArrayBuffer> {
  try {
    return Buffer.from(new ArrayBuffer(bytes));
  } catch (cause) {
    throw new EmotionError('ERR_OUT_OF_MEMORY', `There is not enough memory for the ${bytes} bytes of ${shown(name)}`, {
      cause,
    });
  }
}

function arrayOf(dtype: Dtype, buffer: ArrayBufferLike, length: number): TensorArrays[Dtype] {
  if (dtype === 'float64') return new Float64Array(buffer, 0, length);
  return dtype === 'float32' ? new Float32Array(buffer, 0, length) : new Uint16Array(buffer, 0, length);
}

function isContiguous({ shape, stride, elements }: LazyTensor): boolean {
  if (elements === 0) return true;
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && stride[i] !== expected) return false;
    expected *= shape[i]!;
  }
  return true;
}
