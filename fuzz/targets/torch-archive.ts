import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { crc32, inflateRawSync } from 'node:zlib';

import { type TorchInput, TorchModule } from '../../lib/torch.js';
import { allowErrorCodes, filesIn, type FuzzTarget } from '../target.js';

/** A decompressed record of a zip. */
interface Member {
  name: string;
  bytes: Buffer;
  crc: number;
}

const folder = mkdtempSync(path.join(tmpdir(), 'emotion2vec-fuzz-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
let count = 0;

const f32 = (...shape: number[]): TorchInput => ({
  dtype: 'float32',
  shape,
  data: new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(0.25),
});
/** Inputs of different methods. Each is tried until the method accepts one. */
const INPUTS: TorchInput[][] = [[f32(1, 3)], [f32(4, 20)], [f32(4, 30)], [f32(2, 17)], [f32(1, 16)], [f32(1)], []];

/** Loads an archive, calls its methods, quantizes and saves it. */
export const target: FuzzTarget = {
  seeds: () => filesIn('test/fixtures/models', '.pt').filter((file) => !/endless|device|cudaconst|layouts/.test(file)),
  maxBytes: 200_000,
  dictionary: ['PK\x01\x02', 'PK\x03\x04', 'PK\x05\x06', '__torch__', 'prim', 'aten', 'GetAttr', 'forward', 'torch.'],
  async fuzz(data) {
    const file = path.join(folder, `${count++}.pt`);
    writeFileSync(file, data);
    try {
      await allowErrorCodes(async () => {
        using module = await TorchModule.load(file, { device: 'cpu', threads: 1, memoryBudgetBytes: 2 ** 28 });
        for (const method of module.methods.slice(0, 4)) await call(module, method);
        await allowErrorCodes(() => module.quantize());
        await call(module, 'forward');
        await allowErrorCodes(() => module.save(`${file}.saved`));
      });
    } finally {
      rmSync(file, { force: true });
      rmSync(`${file}.saved`, { force: true });
    }
  },
  /** Damages an archive: changes records and keeps their checksums. */
  mutate: (data, random) => changedArchive(data, random, ({ crc }) => crc),
};

/**
 * Changes some records of an archive.
 * @param checksum returns the checksum that the archive states for a record
 */
export function changedArchive(
  data: Buffer,
  random: () => number,
  checksum: (member: { bytes: Buffer; crc: number }) => number,
): Buffer {
  const members = unzip(data);
  if (members.length === 0) return data;
  for (let changes = 1 + Math.floor(random() * 3); changes > 0; changes--) {
    const member = members[Math.floor(random() * members.length)]!;
    const code = members.find(({ name }) => name.endsWith('.py')) ?? member;
    const which = random();
    if (which < 0.4) code.bytes = changedText(code.bytes, random);
    else if (which < 0.9) member.bytes = changedBytes(member.bytes, random);
    else if (which < 0.95) members.splice(members.indexOf(member), 1);
    else member.name = member.name.slice(0, -1);
    if (members.length === 0) break;
  }
  return zip(members.map((member) => ({ ...member, crc: checksum(member) })));
}

async function call(module: TorchModule, method: string): Promise<void> {
  for (const inputs of INPUTS) {
    try {
      await module.call(method, inputs, { signal: AbortSignal.timeout(5000) });
      return;
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof DOMException))
        await allowErrorCodes(() => Promise.reject(error as Error));
    }
  }
}

function changedBytes(bytes: Buffer, random: () => number): Buffer {
  const changed = Buffer.from(bytes);
  if (changed.length === 0) return Buffer.from('x');
  const at = Math.floor(random() * changed.length);
  const which = random();
  if (which < 0.4) changed[at]! ^= 1 << Math.floor(random() * 8);
  else if (which < 0.6) changed[at] = Math.floor(random() * 256);
  else if (which < 0.7) changed.fill(random() < 0.5 ? 0xff : 0, at, Math.min(at + 8, changed.length));
  else if (which < 0.8) return changed.subarray(0, at);
  else {
    const from = Math.floor(random() * changed.length);
    return Buffer.concat([changed.subarray(0, at), changed.subarray(from, from + 16), changed.subarray(at)]);
  }
  return changed;
}

/** Changes code: replaces identifiers and numbers, and repeats, swaps or removes lines. */
function changedText(bytes: Buffer, random: () => number): Buffer {
  const text = bytes.toString('latin1');
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
  const which = random();
  if (which < 0.5) {
    const words = [...text.matchAll(/[\w.]+/g)];
    if (words.length === 0) return bytes;
    const [one, two] = [pick(words), pick(words)];
    return Buffer.from(text.slice(0, one.index) + two[0] + text.slice(one.index + one[0].length), 'latin1');
  }
  if (which < 0.7) {
    const number = pick(['0', '-1', '9223372036854775807', '1e308', 'None', '[]', '""', '2147483648']);
    const numbers = [...text.matchAll(/\b\d+\b/g)];
    if (numbers.length === 0) return bytes;
    const one = pick(numbers);
    return Buffer.from(text.slice(0, one.index) + number + text.slice(one.index + one[0].length), 'latin1');
  }
  const lines = text.split('\n');
  const [from, to] = [Math.floor(random() * lines.length), Math.floor(random() * lines.length)];
  if (which < 0.8) lines.splice(from, 1);
  else if (which < 0.9) lines.splice(to, 0, lines[from]!);
  else [lines[from], lines[to]] = [lines[to]!, lines[from]!];
  return Buffer.from(lines.join('\n'), 'latin1');
}

/** Returns the records in the central directory, up to the first unreadable one. */
function unzip(data: Buffer): Member[] {
  const members: Member[] = [];
  const end = data.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  if (end < 0 || end + 22 > data.length) return members;
  try {
    for (let at = data.readUInt32LE(end + 16); data.readUInt32LE(at) === 0x02014b50;) {
      const [names, extra, comment] = [28, 30, 32].map((offset) => data.readUInt16LE(at + offset)) as [
        number,
        number,
        number,
      ];
      const header = data.readUInt32LE(at + 42);
      const begin = header + 30 + data.readUInt16LE(header + 26) + data.readUInt16LE(header + 28);
      const packed = data.subarray(begin, begin + data.readUInt32LE(at + 20));
      const name = data.toString('latin1', at + 46, at + 46 + names);
      const bytes = data.readUInt16LE(at + 10) === 0 ? Buffer.from(packed) : inflateRawSync(packed);
      members.push({ name, bytes, crc: crc32(bytes) });
      at += 46 + names + extra + comment;
    }
  } catch {
    // The remaining records cannot be read.
  }
  return members;
}

function zip(members: readonly Member[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, bytes, crc } of members) {
    const header = Buffer.alloc(30);
    header.writeUInt32LE(0x04034b50, 0);
    header.writeUInt32LE(crc, 14);
    header.writeUInt32LE(bytes.length, 18);
    header.writeUInt32LE(bytes.length, 22);
    header.writeUInt16LE(name.length, 26);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50, 0);
    header.copy(entry, 16, 14, 28);
    entry.writeUInt32LE(offset, 42);
    directory.push(entry, Buffer.from(name, 'latin1'));
    parts.push(header, Buffer.from(name, 'latin1'), bytes);
    offset += 30 + name.length + bytes.length;
  }
  const whole = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(whole.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, whole, end]);
}
