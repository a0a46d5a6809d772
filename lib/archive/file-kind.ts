/** Identifies a file that was passed as a model: by its first bytes or, if it is a zip file, by the names of its members. */

export interface FileKind {
  /** `torchscript`: an archive that libtorch can load. `unknown`: the file has no known signature. */
  kind: 'torchscript' | 'checkpoint' | 'other' | 'unknown';
  /** Name of the kind with its article: "an ONNX model". */
  name: string;
  /** What to do with the file if a TorchScript archive is expected. */
  remedy: string;
  /** What to do with the file if a checkpoint is expected. Absent if the usual advice is enough. */
  forCheckpoint?: string;
}

/** Number of bytes at the start of a file that `kindByHead` looks at. */
export const HEAD_BYTES = 1024;

const EXPORT =
  'Export the model itself to TorchScript: `torch.jit.script(model).save("model.pt")`, or torch.jit.trace.';
const DOWNLOAD_AGAIN = 'Download or copy it again: the transfer did not finish.';
const RESAVE =
  'Save it again in Python: torch.save(torch.load(old, weights_only=True), new), without _use_new_zipfile_serialization=False.';
const NOT_A_MODEL = 'Use a TorchScript archive (.pt), as torch.jit.save writes it.';
const TENSORFLOW = 'It is a TensorFlow file, not a PyTorch file. Use a TorchScript archive (.pt) of the model.';
const UNPACK = 'Unpack it first.';
const SERVER_ERROR = 'Download it again: a server may have sent an error in its place.';
const RECORDING = 'Use the path of the model, not of a recording.';

const other = (name: string, remedy: string = NOT_A_MODEL): FileKind => ({ kind: 'other', name, remedy });
/**
 * Returns the kind of a file that is not a model, or that a model is packed in. Its remedy does not depend on what was expected.
 */
const wrapped = (name: string, remedy: string): FileKind => ({ kind: 'other', name, remedy, forCheckpoint: remedy });
const checkpoint = (format: string): FileKind => ({
  kind: 'checkpoint',
  name: `a checkpoint that torch.save wrote${format} (weights without the code of a model)`,
  remedy: `Use \`emotion2vec import\` if it is an emotion2vec+ checkpoint. Otherwise load it in Python and export it: \`torch.jit.script(model).save("model.pt")\`.`,
  forCheckpoint: RESAVE,
});

const TORCHSCRIPT: FileKind = {
  kind: 'torchscript',
  name: 'a TorchScript archive',
  remedy: '',
  forCheckpoint: 'A TorchScript archive needs no import: use it as it is.',
};
const UNKNOWN: FileKind = { kind: 'unknown', name: 'a file of unknown kind', remedy: NOT_A_MODEL };

/**
 * Identifies a file that is not a zip file.
 * @param head the first HEAD_BYTES of the file, or all of it
 * @param size number of bytes of the whole file
 */
export function kindByHead(head: Buffer, size: number): FileKind {
  if (size === 0) return wrapped('an empty file', DOWNLOAD_AGAIN);
  const found = SIGNATURES.find(([offset, signature]) => startsWith(head, signature, offset));
  if (found !== undefined) return found[2];
  const text = head.toString('latin1');
  if (/^\s*(?:<!doctype html|<html|<head)/i.test(text)) {
    return wrapped(
      'a web page',
      'The address leads to a page and not to the file: download the file itself, and log in if the site requires it.',
    );
  }
  if (/^\s*<\?xml/.test(text)) return wrapped('an XML file', SERVER_ERROR);
  if (isSafetensors(head, size)) return other('a safetensors file', `It holds weights and no code. ${EXPORT}`);
  if (isOnnx(head)) return other('an ONNX model', `ONNX models need another runtime (onnxruntime-node). ${EXPORT}`);
  if (/^\s*[{[]/.test(text) && head.every((byte) => byte >= 0x20 || [9, 10, 13].includes(byte))) {
    return wrapped('a JSON file', SERVER_ERROR);
  }
  return UNKNOWN;
}

/** Returns whether a file begins like a zip file. */
export function beginsAsZip(head: Buffer): boolean {
  return startsWith(head, 'PK\x03\x04') || startsWith(head, 'PK\x05\x06');
}

/** Identifies a zip file by the names of its members. */
export function kindByNames(members: Iterable<string>): FileKind {
  const names = [...members];
  const has = (pattern: RegExp) => names.some((name) => pattern.test(name));
  if (has(/(^|\/)data\.pkl$/) && has(/(^|\/)code\/.+/)) return TORCHSCRIPT;
  if (has(/(^|\/)archive_format$|(^|\/)serialized_exported_program\.json$|(^|\/)models\/[^/]+\.json$/)) {
    return other('a torch.export program (.pt2)', `It contains no TorchScript. ${EXPORT}`);
  }
  if (has(/(^|\/)data\/aotinductor\//)) {
    return other('an AOTInductor package (.pt2)', `It is compiled for one machine. ${EXPORT}`);
  }
  if (has(/(^|\/)bytecode\.pkl$/)) return other('a PyTorch Mobile model (.ptl) without TorchScript code', EXPORT);
  if (has(/(^|\/)\.data\/extern_modules$/)) return other('a torch.package archive', `It holds Python code. ${EXPORT}`);
  if (has(/(^|\/)data\.pkl$/)) return checkpoint('');
  if (has(/^model\.weights\.h5$/)) return other('a Keras model (.keras)', TENSORFLOW);
  if (names.length > 0 && names.every((name) => name.endsWith('.npy'))) return other('NumPy arrays (.npz)');
  return other('a zip file without a model', `${NOT_A_MODEL} If the model is inside, unpack it first.`);
}

/** Offset, bytes, kind. A longer signature comes before a shorter one that it begins with. */
const SIGNATURES: readonly [number, string, FileKind][] = [
  ...['git-lfs.github.com', 'hawser.github.com'].map((host): [number, string, FileKind] => [
    0,
    `version https://${host}/`,
    wrapped('a Git LFS pointer, not the file itself', 'Run `git lfs pull` in the clone of the repository.'),
  ]),
  [0, 'GGUF', other('a GGUF model', `GGUF is for llama.cpp and programs like it. ${EXPORT}`)],
  [0, 'lmgg', other('a GGML model', `GGML is for llama.cpp and programs like it. ${EXPORT}`)],
  [0, '\x89HDF\r\n\x1a\n', other('an HDF5 file (as Keras writes)', TENSORFLOW)],
  [0, '\x93NUMPY', other('a NumPy array')],
  ...['ET11', 'ET12'].map((signature): [number, string, FileKind] => [
    4,
    signature,
    other('an ExecuTorch program (.pte)', `ExecuTorch programs run in their own runtime. ${EXPORT}`),
  ]),
  [4, 'TFL3', other('a TensorFlow Lite model', TENSORFLOW)],
  [4, 'ORTM', other('an ONNX Runtime model (.ort)', EXPORT)],
  [4, 'PTMF', other('a PyTorch Mobile model', `Such models run on phones. ${EXPORT}`)],
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
      `${UNPACK} (PyTorch before 1.0 and NeMo write such files: load it there, and export it to TorchScript.)`,
    ),
  ],
  [0, '\x1f\x8b', wrapped('a gzip file', UNPACK)],
  [0, 'BZh', wrapped('a bzip2 file', UNPACK)],
  [0, '\xfd7zXZ\x00', wrapped('an xz file', UNPACK)],
  [0, '\x28\xb5\x2f\xfd', wrapped('a Zstandard file', UNPACK)],
  [0, '7z\xbc\xaf\x27\x1c', wrapped('a 7-Zip archive', UNPACK)],
  [0, 'Rar!\x1a\x07', wrapped('a RAR archive', UNPACK)],
  [0, 'RIFF', other('a sound or picture file (RIFF)', RECORDING)],
  [0, 'fLaC', other('a FLAC recording', RECORDING)],
  [0, 'OggS', other('an Ogg recording', RECORDING)],
];

function startsWith(head: Buffer, signature: string, offset = 0): boolean {
  return head.subarray(offset, offset + signature.length).equals(Buffer.from(signature, 'latin1'));
}

/** A safetensors file begins with the length of its JSON header, followed by the header. */
function isSafetensors(head: Buffer, size: number): boolean {
  return head.length > 9 && head.readBigUInt64LE(0) <= BigInt(size) && head[8] === 0x7b;
}

/**
 * An ONNX model is a protobuf message. It begins with the version of the format, followed by its producer, domain, version or
 * documentation, or by the graph.
 */
function isOnnx(head: Buffer): boolean {
  const [tag, version, next] = head;
  return tag === 0x08 && version! > 0 && version! < 0x40 && [0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42].includes(next!);
}
