/** What a file is, where somebody took it for a model: told from its head and, of a zip, its directory. */
import { type FileHandle, open } from 'node:fs/promises';

export interface FileKind {
  /** `torchscript`: what libtorch loads. `unknown`: nothing is known of it. */
  kind: 'torchscript' | 'checkpoint' | 'other' | 'unknown';
  /** With its article: "an ONNX model". */
  name: string;
  /** What to do with it where a TorchScript archive is wanted. */
  remedy: string;
  /** What to do with it where a checkpoint is wanted, if there is more to say than that it is none. */
  forCheckpoint?: string;
}

const HEAD = 1024;
/** The end record of a zip and the longest comment behind it. */
const TAIL = 22 + 65535;
/** Directories of model archives take a few hundred kB. */
const LARGEST_DIRECTORY = 64 * 2 ** 20;

const EXPORT =
  'Export the model itself to TorchScript: `torch.jit.script(model).save("model.pt")`, or torch.jit.trace.';
const AGAIN = 'Get it again: the download or copy did not finish.';
const RESAVE =
  'Save it anew in Python: torch.save(torch.load(old, weights_only=True), new), without _use_new_zipfile_serialization=False.';
const NOT_A_MODEL = 'Give a TorchScript archive (.pt), as torch.jit.save writes it.';

const TORCHSCRIPT: FileKind = { kind: 'torchscript', name: 'a TorchScript archive', remedy: '' };
const UNKNOWN: FileKind = { kind: 'unknown', name: 'a file of unknown kind', remedy: NOT_A_MODEL };
const other = (name: string, remedy: string = NOT_A_MODEL): FileKind => ({ kind: 'other', name, remedy });
/** The file is in the way of the file: what helps does not depend on what was wanted. */
const wrapped = (name: string, remedy: string): FileKind => ({ kind: 'other', name, remedy, forCheckpoint: remedy });
const checkpoint = (how: string): FileKind => ({
  kind: 'checkpoint',
  name: `a checkpoint that torch.save wrote${how}: weights without the code of a model`,
  remedy: `Use \`emotion2vec import\` where it is an emotion2vec+ checkpoint. Else load it in Python and export: \`torch.jit.script(model).save("model.pt")\`.`,
  forCheckpoint: RESAVE,
});

/**
 * Reads a few kB of a file of any size.
 * @throws what opening and reading throw
 */
export async function fileKind(file: string): Promise<FileKind> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    if (size === 0) return other('an empty file', AGAIN);
    const head = await read(handle, 0, Math.min(HEAD, size));
    if (startsWith(head, 'PK\x03\x04') || startsWith(head, 'PK\x05\x06')) return await zipKind(handle, size);
    return kindByHead(head, size) ?? UNKNOWN;
  } finally {
    await handle.close();
  }
}

/** @param size of the whole file */
export function kindByHead(head: Buffer, size: number): FileKind | undefined {
  const found = SIGNATURES.find(([offset, signature]) => startsWith(head, signature, offset));
  if (found !== undefined) return found[2];
  const text = head.toString('latin1');
  if (/^\s*(?:<!doctype html|<html|<head)/i.test(text)) {
    return wrapped(
      'a web page',
      'Its address leads to a page and not to the file: download the file itself, with a login where one is needed.',
    );
  }
  if (/^\s*<\?xml/.test(text))
    return wrapped('an XML file', 'Get it again: a server may have answered with an error in its place.');
  if (isSafetensors(head, size)) return other('a safetensors file', `It holds weights and no code. ${EXPORT}`);
  if (isOnnx(head)) return other('an ONNX model', `ONNX is for other runtimes (onnxruntime-node). ${EXPORT}`);
  if (/^\s*[{[]/.test(text) && head.every((byte) => byte >= 0x20 || [9, 10, 13].includes(byte))) {
    return wrapped('a JSON file', 'Get it again: a server may have answered with an error in its place.');
  }
  return undefined;
}

const TENSORFLOW = `It is TensorFlow's, not PyTorch's. Give a TorchScript archive (.pt) of the model.`;
const UNPACK = 'Unpack it first.';

/** Offset, bytes, what it is. The more particular first. */
const SIGNATURES: readonly [number, string, FileKind][] = [
  [
    0,
    'version https://git-lfs.github.com/',
    wrapped('a Git LFS pointer, not the file itself', 'Run `git lfs pull` where it was cloned.'),
  ],
  [
    0,
    'version https://hawser.github.com/',
    wrapped('a Git LFS pointer, not the file itself', 'Run `git lfs pull` where it was cloned.'),
  ],
  [0, 'GGUF', other('a GGUF model', `GGUF is for llama.cpp and its relatives. ${EXPORT}`)],
  [0, 'lmgg', other('a GGML model', `GGML is for llama.cpp and its relatives. ${EXPORT}`)],
  [0, '\x89HDF\r\n\x1a\n', other('an HDF5 file (Keras writes such)', TENSORFLOW)],
  [0, '\x93NUMPY', other('a NumPy array')],
  [4, 'ET12', other('an ExecuTorch program (.pte)', `ExecuTorch programs run in its own runtime. ${EXPORT}`)],
  [4, 'ET11', other('an ExecuTorch program (.pte)', `ExecuTorch programs run in its own runtime. ${EXPORT}`)],
  [4, 'TFL3', other('a TensorFlow Lite model', TENSORFLOW)],
  [4, 'ORTM', other('an ONNX Runtime model (.ort)', EXPORT)],
  [4, 'PTMF', other('a PyTorch Mobile model', `Such models run on telephones. ${EXPORT}`)],
  [0, '\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19', checkpoint(' in its old format')],
  ...[2, 3, 4, 5].map((protocol): [number, string, FileKind] => [
    0,
    `\x80${String.fromCharCode(protocol)}`,
    other('a Python pickle', `It holds Python objects. ${EXPORT}`),
  ]),
  [0, '\x08\x01\x12', other('a TensorFlow SavedModel', TENSORFLOW)],
  [
    257,
    'ustar',
    wrapped(
      'a tar archive',
      `${UNPACK} (PyTorch before 1.0 and NeMo save such: load it there, and export to TorchScript.)`,
    ),
  ],
  [0, '\x1f\x8b', wrapped('a gzip file', UNPACK)],
  [0, 'BZh', wrapped('a bzip2 file', UNPACK)],
  [0, '\xfd7zXZ\x00', wrapped('an xz file', UNPACK)],
  [0, '\x28\xb5\x2f\xfd', wrapped('a Zstandard file', UNPACK)],
  [0, '7z\xbc\xaf\x27\x1c', wrapped('a 7-Zip archive', UNPACK)],
  [0, 'Rar!\x1a\x07', wrapped('a RAR archive', UNPACK)],
  [0, 'RIFF', other('a sound or picture file (RIFF)', 'Give the model in place of the recording.')],
  [0, 'fLaC', other('a FLAC recording', 'Give the model in place of the recording.')],
  [0, 'OggS', other('an Ogg recording', 'Give the model in place of the recording.')],
];

function startsWith(head: Buffer, signature: string, offset = 0): boolean {
  return head.subarray(offset, offset + signature.length).equals(Buffer.from(signature, 'latin1'));
}

/** The length of a JSON header, then the header. */
function isSafetensors(head: Buffer, size: number): boolean {
  return head.length > 9 && head.readBigUInt64LE(0) <= BigInt(size) && head[8] === 0x7b;
}

/** A protobuf message: the version of the format first, then who made it, its domain, version or documentation, or the graph. */
function isOnnx(head: Buffer): boolean {
  const [tag, version, next] = head;
  return tag === 0x08 && version! > 0 && version! < 0x40 && [0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42].includes(next!);
}

async function zipKind(handle: FileHandle, size: number): Promise<FileKind> {
  const names = await zipNames(handle, size);
  if (names === undefined) return other('a zip file that is cut off or damaged', AGAIN);
  const has = (pattern: RegExp) => names.some((name) => pattern.test(name));
  if (has(/(^|\/)data\.pkl$/) && has(/(^|\/)code\/.+/)) return TORCHSCRIPT;
  if (has(/(^|\/)archive_format$|(^|\/)serialized_exported_program\.json$|(^|\/)models\/[^/]+\.json$/)) {
    return other('a torch.export program (.pt2)', `It has no TorchScript in it. ${EXPORT}`);
  }
  if (has(/(^|\/)data\/aotinductor\//))
    return other('an AOTInductor package (.pt2)', `It is compiled for one machine. ${EXPORT}`);
  if (has(/(^|\/)bytecode\.pkl$/)) return other('a PyTorch Mobile model (.ptl) without TorchScript code', EXPORT);
  if (has(/(^|\/)\.data\/extern_modules$/)) return other('a torch.package archive', `It holds Python code. ${EXPORT}`);
  if (has(/(^|\/)data\.pkl$/)) return checkpoint('');
  if (has(/^model\.weights\.h5$/)) return other('a Keras model (.keras)', TENSORFLOW);
  if (names.length > 0 && names.every((name) => name.endsWith('.npy'))) return other('NumPy arrays (.npz)');
  return other(
    'a zip file, but no TorchScript archive',
    `${NOT_A_MODEL} If the model is inside: ${UNPACK.toLowerCase()}`,
  );
}

/** The names in a zip's directory; undefined where it has none that can be read. */
async function zipNames(handle: FileHandle, size: number): Promise<string[] | undefined> {
  const tail = await read(handle, Math.max(0, size - TAIL), Math.min(TAIL, size));
  const end = tail.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  if (end < 0 || end + 22 > tail.length) return undefined;
  let length = tail.readUInt32LE(end + 12);
  let offset = tail.readUInt32LE(end + 16);
  if (end >= 20 && (length === 0xffffffff || offset === 0xffffffff)) {
    const record = Number(tail.readBigUInt64LE(end - 20 + 8));
    if (tail.readUInt32LE(end - 20) !== 0x07064b50 || record + 56 > size) return undefined;
    const large = await read(handle, record, 56);
    length = Number(large.readBigUInt64LE(40));
    offset = Number(large.readBigUInt64LE(48));
  }
  if (length > LARGEST_DIRECTORY || offset + length > size) return undefined;
  const directory = await read(handle, offset, length);
  const names: string[] = [];
  for (let at = 0; at + 46 <= directory.length;) {
    if (directory.readUInt32LE(at) !== 0x02014b50) return undefined;
    const name = directory.readUInt16LE(at + 28);
    names.push(directory.toString('utf8', at + 46, at + 46 + name));
    at += 46 + name + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return names;
}

async function read(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await handle.read(buffer, 0, length, position);
  return buffer.subarray(0, bytesRead);
}
