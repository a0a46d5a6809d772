/** Formats that people take for a checkpoint or an archive, by how they begin: what each is, and what to do instead. */

interface Foreign {
  /** Continues "it is ". */
  what: string;
  remedy: string;
}

const OTHER_FORMAT = 'Only what torch.save or torch.jit.save wrote is read: give the model.pt that it was made from.';
const RESAVE =
  'Save it anew in Python: torch.save(torch.load(old, weights_only=True), new), without _use_new_zipfile_serialization=False.';

/* eslint-disable no-control-regex -- bytes */
const BEGINNINGS: readonly [beginning: RegExp, what: string, remedy: string][] = [
  // The magic number of torch.save before 1.6, as pickles of protocols 2 to 5 hold it.
  [/^(\x80[\x02-\x05].{0,12})?\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19/s, "a checkpoint in torch.save's old format", RESAVE],
  [/^version https:\/\/git-lfs/, 'the pointer to a file that Git LFS keeps elsewhere', 'Fetch the file: git lfs pull.'],
  [/^\x89HDF\r\n/, 'an HDF5 file', OTHER_FORMAT],
  [/^GGUF/, 'a GGUF file', OTHER_FORMAT],
  [/^.{8}\{\s*"/s, 'a safetensors file', OTHER_FORMAT],
  [/^\x08[\x01-\x0f]\x12.{1,60}(pytorch|onnx|tf2onnx|keras|skl2onnx)/s, 'an ONNX model', OTHER_FORMAT],
  [/^\x93NUMPY/, 'a NumPy array', OTHER_FORMAT],
  [/^.{4}TFL3/s, 'a TensorFlow Lite model', OTHER_FORMAT],
  [/^\x1f\x8b|^BZh\d|^\xfd7zXZ\0|^\x28\xb5\x2f\xfd|^7z\xbc\xaf/, 'compressed', 'Unpack it first.'],
  [/^.{257}ustar/s, 'a tar archive', 'Unpack it, and give the model.pt in it.'],
  [/^\s*(<!doctype html|<html)/i, 'a web page', 'Fetch the file itself, not the page that offers it.'],
  [/^\s*[{[]/, 'a JSON file', 'Give the model.pt beside it.'],
  [/^\x80[\x02-\x05]/, 'a pickle without tensors, or of an older torch', RESAVE],
];
/* eslint-enable no-control-regex */

/** What a file is that begins like this, where that is known and it is not a zip file. */
export function foreignFormat(head: Buffer): Foreign | undefined {
  const text = head.toString('latin1');
  const found = BEGINNINGS.find(([beginning]) => beginning.test(text));
  return found && { what: found[1], remedy: found[2] };
}
