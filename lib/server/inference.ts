import type { Pcm } from '../audio/pcm.js';
import type { ModelCard } from '../model/card.js';
import type { RecognitionResult } from '../recognition/result.js';
import { HttpError, issuesOf, shortened } from './errors.js';
import { inferRequest, type InferRequest, type InferTensor } from './schemas.js';

/**
 * Messages of the Open Inference Protocol (https://github.com/kserve/open-inference-protocol), with its binary tensor
 * extension: a JSON head, whose length a header tells, and behind it the bytes of the tensors that have a `binary_data_size`.
 */
export const HEAD_LENGTH = 'inference-header-content-length';

/** JSON is parsed on the event loop: 8 MB take a twentieth of a second. */
const MOST_JSON_BYTES = 8 * 2 ** 20;
const MOST_CLIPS = 256;

/** Tensors of the model, as they are told. B clips of N samples, L labels, D dimensions; -1 where that is any number. */
export function tensorsOf(card: ModelCard) {
  const labels = card.labels.length;
  return {
    inputs: [
      { name: 'waveform', datatype: 'FP32', shape: [-1, -1] },
      { name: 'lengths', datatype: 'INT64', shape: [-1] },
    ],
    outputs: [
      { name: 'logits', datatype: 'FP32', shape: [-1, labels] },
      { name: 'scores', datatype: 'FP32', shape: [-1, labels] },
      { name: 'features', datatype: 'FP32', shape: [-1, card.embeddingDim] },
      { name: 'emotion', datatype: 'BYTES', shape: [-1] },
    ],
  };
}
const OUTPUTS = ['logits', 'scores', 'features', 'emotion'] as const;
type OutputName = (typeof OUTPUTS)[number];

export interface Inference {
  id: string | undefined;
  /** [B] */
  clips: Pcm[];
  outputs: { name: OutputName; binary: boolean }[];
}

/**
 * Reads a request.
 * @param body undefined or null where there was none
 * @param headLength the header's value
 * @throws HttpError ERR_BAD_REQUEST, ERR_UPLOAD_TOO_LARGE
 */
export function readInference(body: unknown, headLength: string | undefined, card: ModelCard): Inference {
  if (!Buffer.isBuffer(body)) throw bad('The request has no body');
  const size = headLength === undefined ? body.length : Number(headLength);
  if (headLength !== undefined && (!Number.isInteger(size) || size < 2 || size > body.length)) {
    throw bad(`The header ${HEAD_LENGTH} must be a number of bytes of the body, got ${shortened(headLength)}`);
  }
  if (size > MOST_JSON_BYTES) {
    const what = `The request has ${Math.ceil(size / 2 ** 20)} MB of JSON; ${MOST_JSON_BYTES / 2 ** 20} are taken`;
    throw new HttpError('ERR_UPLOAD_TOO_LARGE', what, { remedy: 'Send the waveform as binary tensor data.' });
  }
  const request = parseHead(body.toString('utf8', 0, size));
  const [first, second] = request.inputs;
  if (first!.name === second?.name) throw bad(`The input "${shortened(first!.name)}" comes twice`);
  const tensors = binaryTensors(request.inputs, body.subarray(size));
  const waveform = request.inputs.find(({ name }) => name === 'waveform');
  if (waveform === undefined) throw bad('There is no input "waveform"');
  const unknown = request.inputs.find(({ name }) => name !== 'waveform' && name !== 'lengths');
  if (unknown !== undefined)
    throw bad(`There is no input "${shortened(unknown.name)}"; there are waveform and lengths`);
  const sampleRate = request.parameters?.sample_rate ?? card.sampleRate;
  return {
    id: request.id,
    clips: clipsOf(request.inputs, tensors, sampleRate),
    outputs: outputsOf(request),
  };
}

function parseHead(text: string): InferRequest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw bad(`The request is not JSON: ${shortened((cause as Error).message)}`);
  }
  refuseMany(json);
  const parsed = inferRequest.safeParse(json);
  if (parsed.success) return parsed.data;
  throw bad(`The request is not valid: ${issuesOf(parsed.error.issues)}`);
}

/** Of inputs, outputs and dimensions. */
const MOST_ENTRIES = 64;

/** Before a schema looks at each entry, and has something to say about each. */
function refuseMany(json: unknown): void {
  if (typeof json !== 'object' || json === null) return;
  const { inputs, outputs } = json as Record<string, unknown>;
  const shapes = Array.isArray(inputs)
    ? inputs.slice(0, MOST_ENTRIES).map((input: InferTensor | null) => input?.shape)
    : [];
  for (const list of [inputs, outputs, ...shapes]) {
    if (Array.isArray(list) && list.length > MOST_ENTRIES) throw bad(`A list has ${list.length} entries`);
  }
}

/** The bytes of binary inputs, which follow the head in the inputs' order. */
function binaryTensors(inputs: readonly InferTensor[], bytes: Buffer): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  let at = 0;
  for (const { name, parameters } of inputs) {
    const size = parameters?.['binary_data_size'];
    if (size === undefined) continue;
    if (typeof size !== 'number' || !Number.isInteger(size) || size < 0 || at + size > bytes.length) {
      const claimed = typeof size === 'number' ? size : `a ${typeof size} of`;
      throw bad(`The input ${shortened(name)} claims ${claimed} bytes, and ${bytes.length - at} are left`);
    }
    found.set(name, bytes.subarray(at, at + size));
    at += size;
  }
  if (at !== bytes.length) throw bad(`${bytes.length - at} bytes behind the head belong to no input`);
  return found;
}

function clipsOf(inputs: readonly InferTensor[], binary: ReadonlyMap<string, Buffer>, sampleRate: number): Pcm[] {
  const waveform = inputs.find(({ name }) => name === 'waveform')!;
  if (waveform.shape.length > 2)
    throw bad(`waveform must have the shape [N] or [B, N], got [${waveform.shape.join(', ')}]`);
  const [count, size] =
    waveform.shape.length === 1 ? [1, waveform.shape[0]!] : [waveform.shape[0]!, waveform.shape[1]!];
  if (count < 1 || count > MOST_CLIPS) throw bad(`waveform holds ${count} clips; 1 to ${MOST_CLIPS} are taken`);
  const samples = floats(waveform, binary.get('waveform'), count * size);
  const lengths = inputs.find(({ name }) => name === 'lengths');
  const ends = lengths === undefined ? undefined : integers(lengths, binary.get('lengths'), count);
  return Array.from({ length: count }, (_, i) => {
    const end = ends?.[i] ?? size;
    if (!(end >= 0 && end <= size)) throw bad(`lengths holds ${end}, and waveform ${size} samples a clip`);
    return { samples: samples.subarray(i * size, i * size + end), sampleRate };
  });
}

function floats({ name, datatype, data }: InferTensor, bytes: Buffer | undefined, count: number): Float32Array {
  if (datatype !== 'FP32') throw bad(`${name} must be FP32, got ${shortened(datatype)}`);
  if (bytes !== undefined) {
    if (bytes.length !== 4 * count) throw bad(`${name} has ${bytes.length} bytes, and its shape wants ${4 * count}`);
    // In place where it may be: an upload is held once.
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
    return new Float32Array(aligned.buffer, aligned.byteOffset, count);
  }
  return Float32Array.from(numbers(name, data, count));
}

function integers({ name, datatype, data }: InferTensor, bytes: Buffer | undefined, count: number): number[] {
  if (datatype !== 'INT64') throw bad(`${name} must be INT64, got ${shortened(datatype)}`);
  if (bytes === undefined) return numbers(name, data, count);
  if (bytes.length !== 8 * count) throw bad(`${name} has ${bytes.length} bytes, and its shape wants ${8 * count}`);
  return Array.from({ length: count }, (_, i) => Number(bytes.readBigInt64LE(8 * i)));
}

function numbers(name: string, data: unknown[] | undefined, count: number): number[] {
  const flat = (Array.isArray(data?.[0]) ? data.flat(2) : data) ?? [];
  if (flat.length !== count) throw bad(`${name} has ${flat.length} numbers, and its shape wants ${count}`);
  if (!flat.every((value) => typeof value === 'number')) throw bad(`${name} holds something that is no number`);
  return flat;
}

function outputsOf({ outputs, parameters }: InferRequest): Inference['outputs'] {
  const byDefault = parameters?.binary_data_output === true;
  if (outputs === undefined) return OUTPUTS.map((name) => ({ name, binary: byDefault }));
  return outputs.map(({ name, parameters: own }) => {
    const known = OUTPUTS.find((output) => output === name);
    if (known === undefined) throw bad(`There is no output "${shortened(name)}"; there are ${OUTPUTS.join(', ')}`);
    return { name: known, binary: own?.binary_data ?? byDefault };
  });
}

/** The answer: JSON alone, or a head with bytes behind it. */
export function writeInference(
  { id, outputs }: Inference,
  results: readonly RecognitionResult[],
  card: ModelCard,
  modelName: string,
): { body: Buffer | Record<string, unknown>; headLength: number | undefined } {
  const blobs: Buffer[] = [];
  const tensors = outputs.map(({ name, binary }) => {
    const values = valuesOf(name, results, card);
    const perClip = values.length / results.length;
    const shape = name === 'emotion' ? [results.length] : [results.length, perClip];
    const head = { name, shape, datatype: name === 'emotion' ? 'BYTES' : 'FP32' };
    if (!binary) return { ...head, data: values };
    const bytes = bytesOf(values);
    blobs.push(bytes);
    return { ...head, parameters: { binary_data_size: bytes.length } };
  });
  const json = {
    model_name: modelName,
    model_version: card.version,
    ...(id !== undefined && { id }),
    outputs: tensors,
  };
  if (blobs.length === 0) return { body: json, headLength: undefined };
  const head = Buffer.from(JSON.stringify(json));
  return { body: Buffer.concat([head, ...blobs]), headLength: head.length };
}

function valuesOf(name: OutputName, results: readonly RecognitionResult[], card: ModelCard): (number | string)[] {
  switch (name) {
    case 'logits':
      return results.flatMap(({ logits }) => Array.from(logits!));
    case 'scores': // a label that is not in use has none
      return results.flatMap(({ scores }) => card.labels.map((label) => scores[label.name] ?? 0));
    case 'features':
      return results.flatMap(({ embedding }) => Array.from(embedding!));
    case 'emotion':
      return results.map(({ emotion }) => emotion);
  }
}

/** FP32 as it is; each BYTES element behind its length. */
function bytesOf(values: readonly (number | string)[]): Buffer {
  if (typeof values[0] !== 'string') return Buffer.from(Float32Array.from(values as number[]).buffer);
  return Buffer.concat(
    values.flatMap((value) => {
      const text = Buffer.from(String(value));
      const length = Buffer.alloc(4);
      length.writeUInt32LE(text.length);
      return [length, text];
    }),
  );
}

function bad(what: string): HttpError {
  return new HttpError('ERR_BAD_REQUEST', what);
}
