import { type FileHandle, open } from 'node:fs/promises';
import { promisify } from 'node:util';
import yauzl, { type Entry, type ZipFile } from 'yauzl';

import { EmotionError, messageOf } from '../errors.js';
import type { AnyTensor, Dtype, TensorArrays } from '../torch.js';
import { LazyTensor, readPickle } from './pickle.js';

/** torch's storage classes: what their elements are. */
const STORAGES: Readonly<Record<string, { dtype: Dtype; bytes: number }>> = {
  FloatStorage: { dtype: 'float32', bytes: 4 },
  DoubleStorage: { dtype: 'float64', bytes: 8 },
  HalfStorage: { dtype: 'float16', bytes: 2 },
  BFloat16Storage: { dtype: 'bfloat16', bytes: 2 },
};
/** No pickle of a checkpoint, tensors aside, comes near this. */
const MOST_PICKLE_BYTES = 256 * 2 ** 20;

const openZip = promisify<string, yauzl.Options, ZipFile>((file, options, callback) =>
  yauzl.open(file, options, (error, zip) => callback(error, zip)),
);

interface Stored {
  /** Bytes from the file's start. */
  start: number;
  bytes: number;
}

/** A file that torch.save wrote, open for reading: its pickle is in memory, its tensors stay on disk until asked for. */
export class Checkpoint implements AsyncDisposable {
  readonly #file: FileHandle;
  readonly #entries: ReadonlyMap<string, Stored>;
  /** Reused, for the garbage collector is in no hurry with large buffers. */
  #scratch = Buffer.alloc(0);

  private constructor(
    readonly path: string,
    /** What was saved: Maps for dicts, LazyTensors for tensors. */
    readonly content: unknown,
    file: FileHandle,
    entries: ReadonlyMap<string, Stored>,
  ) {
    this.#file = file;
    this.#entries = entries;
  }

  /** @throws EmotionError ERR_CHECKPOINT for anything that is not whole, plain and harmless; ERR_FILE_READ */
  static async open(path: string): Promise<Checkpoint> {
    const entries = await readEntries(path);
    const names = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
    if (names.length !== 1) throw broken(path, `it holds ${names.length} data.pkl, where torch.save writes one`);
    const root = names[0]!.slice(0, -'data.pkl'.length);
    if ([...entries.keys()].some((name) => name.startsWith(`${root}code/`))) {
      throw broken(path, 'it is a TorchScript archive, not a checkpoint', 'A TorchScript archive needs no import.');
    }
    const file = await open(path).catch((cause: unknown) => {
      throw new EmotionError('ERR_FILE_READ', `${path} could not be read (${messageOf(cause)})`, { cause });
    });
    try {
      const pickle = entries.get(names[0]!)!;
      if (pickle.bytes > MOST_PICKLE_BYTES) throw broken(path, `its data.pkl is said to have ${pickle.bytes} bytes`);
      const order = entries.get(`${root}byteorder`);
      if (order !== undefined && order.bytes < 16 && String(await read(file, order, path)) !== 'little') {
        throw broken(path, 'it was written on a big-endian machine');
      }
      const content = readPickle(await read(file, pickle, path), `The pickle in ${path}`);
      const storages = new Map(
        [...entries].filter(([name]) => name.startsWith(root)).map(([name, entry]) => [name.slice(root.length), entry]),
      );
      return new Checkpoint(path, content, file, storages);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /**
   * Reads a tensor. Its data is good until the next read.
   * @throws EmotionError ERR_CHECKPOINT where the file does not hold what its pickle says
   */
  async read(tensor: LazyTensor, name: string): Promise<AnyTensor> {
    const { storage, offset, shape } = tensor;
    const kind = STORAGES[storage.type];
    const entry = this.#entries.get(`data/${storage.key}`);
    if (kind === undefined) throw broken(this.path, `${name} is stored as ${storage.type}, which no weight is`);
    if (entry === undefined) throw broken(this.path, `the data of ${name} is missing`);
    if (!isContiguous(tensor)) throw broken(this.path, `${name} is not stored row by row`);
    const elements = shape.reduce((product, size) => product * size, 1);
    const start = offset * kind.bytes;
    const bytes = elements * kind.bytes;
    if (start + bytes > entry.bytes) throw broken(this.path, `${name} is larger than the data stored for it`);
    if (this.#scratch.length < bytes) this.#scratch = Buffer.from(new ArrayBuffer(bytes)); // aligned, unlike pooled ones
    await read(this.#file, { start: entry.start + start, bytes }, this.path, this.#scratch);
    const data = arrayOf(kind.dtype, this.#scratch.buffer, elements);
    return { dtype: kind.dtype, shape: [...shape], data } as AnyTensor;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
  }
}

/** Where each entry of the zip lies. */
async function readEntries(path: string): Promise<Map<string, Stored>> {
  const zip = await openZip(path, { lazyEntries: true, autoClose: false }).catch((cause: unknown) => {
    const why = messageOf(cause);
    throw new EmotionError('ERR_CHECKPOINT', `${path} is not a file that torch.save (1.6 or newer) wrote: ${why}`, {
      cause,
    });
  });
  const headerOf = promisify<Entry, { fileDataStart: number }>((entry, callback) =>
    zip.readLocalFileHeader(entry, { minimal: true }, callback),
  );
  const entries = new Map<string, Stored>();
  try {
    await new Promise<void>((resolve, reject) => {
      zip.on('error', reject);
      zip.on('end', resolve);
      zip.on('entry', (entry: Entry) => {
        if (entry.compressionMethod !== 0) {
          reject(broken(path, `its entry ${entry.fileName} is compressed, which torch.save never does`));
          return;
        }
        headerOf(entry)
          .then(({ fileDataStart }) => {
            entries.set(entry.fileName, { start: fileDataStart, bytes: entry.uncompressedSize });
            zip.readEntry();
          })
          .catch(reject);
      });
      zip.readEntry();
    });
  } catch (cause) {
    if (cause instanceof EmotionError) throw cause;
    throw broken(path, messageOf(cause));
  } finally {
    zip.close();
  }
  return entries;
}

async function read(
  file: FileHandle,
  { start, bytes }: Stored,
  path: string,
  buffer = Buffer.alloc(bytes),
): Promise<Buffer> {
  for (let at = 0; at < bytes;) {
    const { bytesRead } = await file.read(buffer, at, Math.min(bytes - at, 2 ** 30), start + at);
    if (bytesRead === 0) throw broken(path, 'it ends before its data do');
    at += bytesRead;
  }
  return buffer;
}

function arrayOf(dtype: Dtype, buffer: ArrayBufferLike, length: number): TensorArrays[Dtype] {
  if (dtype === 'float64') return new Float64Array(buffer, 0, length);
  return dtype === 'float32' ? new Float32Array(buffer, 0, length) : new Uint16Array(buffer, 0, length);
}

function isContiguous({ shape, stride }: LazyTensor): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && stride[i] !== expected) return false;
    expected *= shape[i]!;
  }
  return true;
}

function broken(path: string, why: string, remedy?: string): EmotionError {
  return new EmotionError(
    'ERR_CHECKPOINT',
    `${path} cannot be imported: ${why}`,
    remedy === undefined ? {} : { remedy },
  );
}
