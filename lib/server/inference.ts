import type { Pcm } from '../audio/pcm.js';
import type { ModelCard } from '../model/card.js';
import { describeIssues } from '../options/parse.js';
import type { RecognitionResult } from '../recognition/result.js';
import { formatBytes } from '../shared/bytes.js';
import { EmotionError } from '../shared/errors.js';
import { kindOf, shown } from '../shared/text.js';
import { inferRequest, type InferRequest, type InferTensor } from './schemas/inference.js';

/**
 * Messages of the Open Inference Protocol (https://github.com/kserve/open-inference-protocol), with its binary tensor
 * extension: JSON, whose length is in a header, followed by the bytes of the tensors that have a `binary_data_size`.
 */
export const JSON_LENGTH_HEADER = 'inference-header-content-length';

/** JSON is parsed on the event loop: 8 MB take 50 ms. */
const MAX_JSON_BYTES = 8 * 2 ** 20;
const MAX_CLIPS = 256;

/**
 * The tensors in the metadata of the model: waveform [B, N], lengths [B], logits [B, L], scores [B, L], features [B, D], emotion
 * [B], for B clips of N samples, L labels and D dimensions. -1 stands for any size.
 */
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
  clips: Pcm[];
  outputs: { name: OutputName; binary: boolean }[];
}

/**
 * Parses a request.
 * @param body undefined or null if the request has no body
 * @param jsonLength value of the header
 * @throws EmotionError ERR_BAD_REQUEST, ERR_UPLOAD_TOO_LARGE
 */
export function readInference(body: unknown, jsonLength: string | undefined, card: ModelCard): Inference {
  if (!Buffer.isBuffer(body)) throw bad('The request has no body');
  const size = jsonLength === undefined ? body.length : Number(jsonLength);
  if (jsonLength !== undefined && (!Number.isInteger(size) || size < 2 || size > body.length)) {
    throw bad(
      `The header ${JSON_LENGTH_HEADER} must be the number of bytes of JSON in the body, received ${shown(jsonLength)}`,
    );
  }
  if (size > MAX_JSON_BYTES) {
    const what = `The request has ${formatBytes(size)} of JSON; the maximum is ${formatBytes(MAX_JSON_BYTES)}`;
    throw new EmotionError('ERR_UPLOAD_TOO_LARGE', what, { remedy: 'Send the waveform as binary tensor data.' });
  }
  const request = parseJson(body.toString('utf8', 0, size));
  const [first, second] = request.inputs;
  if (first!.name === second?.name) throw bad(`The input "${shown(first!.name)}" appears twice`);
  const tensors = binaryTensors(request.inputs, body.subarray(size));
  const waveform = request.inputs.find(({ name }) => name === 'waveform');
  if (waveform === undefined) throw bad('The input "waveform" is missing');
  const unknown = request.inputs.find(({ name }) => name !== 'waveform' && name !== 'lengths');
  if (unknown !== undefined)
    throw bad(`There is no input "${shown(unknown.name)}"; the inputs are waveform and lengths`);
  const sampleRate = request.parameters?.sample_rate ?? card.sampleRate;
  return {
    id: request.id,
    clips: clipsOf(request.inputs, tensors, sampleRate),
    outputs: outputsOf(request),
  };
}

function parseJson(text: string): InferRequest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw bad(`The request is not valid JSON: ${shown((cause as Error).message)}`);
  }
  refuseLongLists(json);
  const parsed = inferRequest.safeParse(json, { reportInput: true });
  if (parsed.success) return parsed.data;
  throw bad(`The request is not valid: ${describeIssues(parsed.error)}`);
}

/** Maximum number of inputs, outputs and dimensions. */
const MAX_ENTRIES = 64;

/** Refuses long lists before the schema validates them and collects a problem for each entry. */
function refuseLongLists(json: unknown): void {
  if (typeof json !== 'object' || json === null) return;
  const { inputs, outputs } = json as Record<string, unknown>;
  const shapes = Array.isArray(inputs)
    ? inputs.slice(0, MAX_ENTRIES).map((input: InferTensor | null) => input?.shape)
    : [];
  for (const list of [inputs, outputs, ...shapes]) {
    if (Array.isArray(list) && list.length > MAX_ENTRIES) {
      throw bad(`A list has ${list.length} entries; the maximum is ${MAX_ENTRIES}`);
    }
  }
}

/** Returns the bytes of binary inputs, which follow the JSON in the order of the inputs. */
function binaryTensors(inputs: readonly InferTensor[], bytes: Buffer): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  let at = 0;
  for (const { name, parameters } of inputs) {
    const size = parameters?.['binary_data_size'];
    if (size === undefined) continue;
    if (typeof size !== 'number' || !Number.isInteger(size) || size < 0 || at + size > bytes.length) {
      const declared = typeof size === 'number' ? size : kindOf(size);
      throw bad(`The input ${shown(name)} declares ${declared} bytes, but ${bytes.length - at} are left`);
    }
    found.set(name, bytes.subarray(at, at + size));
    at += size;
  }
  if (at !== bytes.length) throw bad(`${bytes.length - at} bytes after the JSON belong to no input`);
  return found;
}

function clipsOf(inputs: readonly InferTensor[], binary: ReadonlyMap<string, Buffer>, sampleRate: number): Pcm[] {
  const waveform = inputs.find(({ name }) => name === 'waveform')!;
  if (waveform.shape.length > 2)
    throw bad(`waveform must have the shape [N] or [B, N], received [${waveform.shape.join(', ')}]`);
  const [count, size] =
    waveform.shape.length === 1 ? [1, waveform.shape[0]!] : [waveform.shape[0]!, waveform.shape[1]!];
  if (count < 1 || count > MAX_CLIPS) throw bad(`waveform has ${count} clips; the maximum is ${MAX_CLIPS}`);
  const samples = floats(waveform, binary.get('waveform'), count * size);
  const lengths = inputs.find(({ name }) => name === 'lengths');
  const ends = lengths === undefined ? undefined : integers(lengths, binary.get('lengths'), count);
  return Array.from({ length: count }, (_, i) => {
    const end = ends?.[i] ?? size;
    if (!(end >= 0 && end <= size)) throw bad(`lengths has ${end}, but the clips in waveform have ${size} samples`);
    return { samples: samples.subarray(i * size, i * size + end), sampleRate };
  });
}

function floats({ name, datatype, data }: InferTensor, bytes: Buffer | undefined, count: number): Float32Array {
  if (datatype !== 'FP32') throw bad(`${name} must be FP32, received ${shown(datatype)}`);
  if (bytes !== undefined) {
    if (bytes.length !== 4 * count) throw bad(`${name} has ${bytes.length} bytes, but its shape requires ${4 * count}`);
    // A view of the body, without a copy, if the bytes are aligned.
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
    return new Float32Array(aligned.buffer, aligned.byteOffset, count);
  }
  return Float32Array.from(numbers(name, data, count));
}

function integers({ name, datatype, data }: InferTensor, bytes: Buffer | undefined, count: number): number[] {
  if (datatype !== 'INT64') throw bad(`${name} must be INT64, received ${shown(datatype)}`);
  if (bytes === undefined) return numbers(name, data, count);
  if (bytes.length !== 8 * count) throw bad(`${name} has ${bytes.length} bytes, but its shape requires ${8 * count}`);
  return Array.from({ length: count }, (_, i) => Number(bytes.readBigInt64LE(8 * i)));
}

function numbers(name: string, data: unknown[] | undefined, count: number): number[] {
  const flat = (Array.isArray(data?.[0]) ? data.flat(2) : data) ?? [];
  if (flat.length !== count) throw bad(`${name} has ${flat.length} numbers, but its shape requires ${count}`);
  if (!flat.every((value) => typeof value === 'number')) throw bad(`${name} has an element that is not a number`);
  return flat;
}

function outputsOf({ outputs, parameters }: InferRequest): Inference['outputs'] {
  const byDefault = parameters?.binary_data_output === true;
  if (outputs === undefined) return OUTPUTS.map((name) => ({ name, binary: byDefault }));
  return outputs.map(({ name, parameters: own }) => {
    const known = OUTPUTS.find((output) => output === name);
    if (known === undefined) throw bad(`There is no output "${shown(name)}"; the outputs are ${OUTPUTS.join(', ')}`);
    return { name: known, binary: own?.binary_data ?? byDefault };
  });
}

/** Returns the answer: JSON only, or JSON followed by the bytes of binary tensors. */
export function writeInference(
  { id, outputs }: Inference,
  results: readonly RecognitionResult[],
  card: ModelCard,
  modelName: string,
): { body: Buffer | Record<string, unknown>; jsonLength: number | undefined } {
  const blobs: Buffer[] = [];
  const tensors = outputs.map(({ name, binary }) => {
    const values = valuesOf(name, results, card);
    const perClip = values.length / results.length;
    const shape = name === 'emotion' ? [results.length] : [results.length, perClip];
    const metadata = { name, shape, datatype: name === 'emotion' ? 'BYTES' : 'FP32' };
    if (!binary) return { ...metadata, data: values };
    const bytes = bytesOf(values);
    blobs.push(bytes);
    return { ...metadata, parameters: { binary_data_size: bytes.length } };
  });
  const json = {
    model_name: modelName,
    model_version: card.version,
    ...(id !== undefined && { id }),
    outputs: tensors,
  };
  if (blobs.length === 0) return { body: json, jsonLength: undefined };
  const head = Buffer.from(JSON.stringify(json));
  return { body: Buffer.concat([head, ...blobs]), jsonLength: head.length };
}

function valuesOf(name: OutputName, results: readonly RecognitionResult[], card: ModelCard): (number | string)[] {
  switch (name) {
    case 'logits':
      return results.flatMap(({ logits }) => Array.from(logits!));
    case 'scores': // an unused label has no score
      return results.flatMap(({ scores }) => card.labels.map((label) => scores[label.name] ?? 0));
    case 'features':
      return results.flatMap(({ embedding }) => Array.from(embedding!));
    case 'emotion':
      return results.map(({ emotion }) => emotion);
  }
}

/** Encodes FP32 as little-endian floats, and each BYTES element after its length. */
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

function bad(what: string): EmotionError {
  return new EmotionError('ERR_BAD_REQUEST', what);
}
