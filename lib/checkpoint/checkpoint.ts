import { NotRegular } from '../archive/regular-file.js';
import { type Member, type Refuse, ZipFile } from '../archive/zip-file.js';
import { EmotionError, messageOf } from '../shared/errors.js';
import { brief } from '../archive/brief.js';
import type { AnyTensor, Dtype, TensorArrays } from '../torch/torch-module.js';
import { readPickle } from './pickle.js';
import { LazyTensor } from './pickle-values.js';

/** torch's storage classes: what their elements are. */
const STORAGES: Readonly<Record<string, { dtype: Dtype; bytes: number }>> = {
  FloatStorage: { dtype: 'float32', bytes: 4 },
  DoubleStorage: { dtype: 'float64', bytes: 8 },
  HalfStorage: { dtype: 'float16', bytes: 2 },
  BFloat16Storage: { dtype: 'bfloat16', bytes: 2 },
};
/** Of a pickle, tensors aside: emotion2vec+ large's, with its optimizer, has less than one. */
const MOST_PICKLE_BYTES = 64 * 2 ** 20;
/**
 * Bytes that weights may take beyond what the file has for them: some share data, a bias of zeros for example. Where all could,
 * a small file would fill the memory.
 */
const MOST_SHARED_BYTES = 64 * 2 ** 20;

/** A file that torch.save wrote, open for reading: its pickle is in memory, its tensors stay on disk until asked for. */
export class Checkpoint implements AsyncDisposable {
  readonly #zip: ZipFile;
  readonly #root: string;
  readonly #refuse: Refuse;
  /** Reused, for the garbage collector is in no hurry with large buffers. */
  #scratch = Buffer.alloc(0);

  private constructor(
    zip: ZipFile,
    /** What was saved: Maps for dicts, LazyTensors for tensors. */
    readonly content: unknown,
    root: string,
    refuse: Refuse,
  ) {
    this.#zip = zip;
    this.#root = root;
    this.#refuse = refuse;
  }

  /** @throws EmotionError ERR_CHECKPOINT for anything that is not whole, plain and harmless; ERR_FILE_READ */
  static async open(path: string): Promise<Checkpoint> {
    const refuse: Refuse = (why, { kind, ...options } = {}) => {
      const remedy = kind?.forCheckpoint;
      const what = `${brief(path)} cannot be imported: ${why}`;
      return new EmotionError('ERR_CHECKPOINT', what, { ...(remedy !== undefined && { remedy }), ...options });
    };
    const zip = await ZipFile.open(path, refuse).catch((cause: unknown) => {
      if (cause instanceof EmotionError) throw cause;
      const why = cause instanceof NotRegular ? cause.message : messageOf(cause);
      throw new EmotionError('ERR_FILE_READ', `${brief(path)} could not be read (${brief(why)})`, { cause });
    });
    try {
      const pickle = findPickle(zip, refuse);
      const root = pickle.name.slice(0, -'data.pkl'.length);
      const order = zip.members.get(`${root}byteorder`);
      if (order !== undefined && String(await zip.read(order, 64)) !== 'little') {
        throw refuse('it was written on a big-endian machine', {
          remedy: 'Save it again on a machine like this one: torch.save(torch.load(old, weights_only=True), new).',
        });
      }
      const bytes = await zip.read(pickle, MOST_PICKLE_BYTES);
      return new Checkpoint(zip, readPickle(bytes, `The pickle in ${brief(path)}`), root, refuse);
    } catch (error) {
      await zip[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Whether the file has data for all of these, which is asked before any is read.
   * @throws EmotionError ERR_CHECKPOINT
   */
  check(tensors: ReadonlyMap<string, LazyTensor>): void {
    const members = new Set<Member>();
    let wanted = 0;
    for (const [name, tensor] of tensors) {
      const { member, bytes } = this.#find(tensor, name);
      members.add(member);
      wanted += bytes;
    }
    const there = [...members].reduce((sum, { bytes }) => sum + bytes, 0);
    if (wanted > there + MOST_SHARED_BYTES) {
      throw this.#refuse(`its weights share data: they would take ${wanted} bytes, and it holds ${there} for them`);
    }
  }

  /**
   * Reads a tensor. Its data is good until the next read.
   * @throws EmotionError ERR_CHECKPOINT where the file does not hold what its pickle says, or not as it was written
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

  /** Where a tensor's data is: bytes from the start of its member. */
  #find(tensor: LazyTensor, fullName: string): { member: Member; dtype: Dtype; start: number; bytes: number } {
    const { storage, offset, elements } = tensor;
    const name = brief(fullName);
    const kind = Object.hasOwn(STORAGES, storage.type) ? STORAGES[storage.type] : undefined;
    if (kind === undefined) throw this.#refuse(`${name} is stored as ${brief(storage.type)}, which no weight is`);
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

/** The one pickle that torch.save writes. */
function findPickle(zip: ZipFile, refuse: Refuse): Member {
  const names = [...zip.members.keys()];
  const pickles = names.filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  const root = pickles[0]?.slice(0, -'data.pkl'.length);
  if (root !== undefined && names.some((name) => name.startsWith(`${root}code/`))) {
    throw refuse('it is a TorchScript archive, not a checkpoint', { remedy: 'A TorchScript archive needs no import.' });
  }
  if (names.some((name) => /(^|\/)archive_format$/.test(name))) {
    throw refuse('it is a .pt2 of torch.export, not a checkpoint');
  }
  if (pickles.length !== 1) throw refuse(`it holds ${pickles.length} data.pkl, where torch.save writes one`);
  const pickle = zip.members.get(pickles[0]!)!;
  if (pickle.method !== 0) throw refuse('its data.pkl is compressed, which torch.save never does');
  return pickle;
}

/** Aligned, unlike those of Node's pool. */
function alignedBuffer(bytes: number, name: string): Buffer<ArrayBuffer> {
  try {
    return Buffer.from(new ArrayBuffer(bytes));
  } catch (cause) {
    throw new EmotionError('ERR_OUT_OF_MEMORY', `There is no memory for the ${bytes} bytes of ${brief(name)}`, {
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
