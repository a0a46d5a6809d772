/**
 * The central directory of a zip file, which lists its members and their places. The reader is strict, because the file may come
 * from an untrusted source: every number is checked against the file before it is used, and a file that two readers could
 * interpret differently is refused.
 *
 * APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
 */
import { shown } from '../shared/text.js';

/** Maximum number of members. A checkpoint of 50,000 tensors stays below it. */
const MAX_MEMBERS = 100_000;
/** Maximum size of a central directory: 640 bytes for each of MAX_MEMBERS. */
const MAX_DIRECTORY_BYTES = 64 * 2 ** 20;

const END_BYTES = 22;
const LOCATOR_BYTES = 20;
const END64_BYTES = 56;
const CENTRAL_BYTES = 46;
export const LOCAL_BYTES = 30;
/** Maximum size of the records at the end of the file: the end record with its comment, and the zip64 records before it. */
export const TAIL_BYTES = END64_BYTES + LOCATOR_BYTES + END_BYTES + 0xffff;

const NO_16 = 0xffff;
const NO_32 = 0xffffffff;
/** Bits of the flags: encrypted, strongly encrypted, central directory encrypted. */
const ENCRYPTED = 0x1 | 0x40 | 0x2000;
const HAS_DESCRIPTOR = 0x8;
/** Bits of the flags that hold the compression level, which does not matter to a reader. */
const LEVEL = 0x6;

/** Thrown if a zip file is invalid. The message continues "FILE cannot be read: ". */
export class ZipProblem extends Error {}

/** The location of a central directory. */
export interface Directory {
  /** Offset in the file. */
  start: number;
  bytes: number;
  /** Number of members. */
  count: number;
}

/** An entry of a central directory. */
export interface Member {
  name: string;
  /** The bytes of the name, which the local header must repeat. */
  rawName: Buffer;
  flags: number;
  /** 0: stored, 8: deflated. */
  method: number;
  crc32: number;
  /** Size of the content. */
  bytes: number;
  /** Size of the content as it is stored in the file. */
  storedBytes: number;
  /** Offset of the local header in the file. */
  header: number;
  /** Offset of the next member or of the directory. The content ends before it. */
  limit: number;
}

/**
 * Finds the directory of a file.
 * @param tail the last TAIL_BYTES of the file, or all of it
 * @returns undefined if the file does not end like a zip file
 */
export function findDirectory(tail: Buffer, fileBytes: number): Directory | undefined {
  const base = fileBytes - tail.length;
  const ends: number[] = [];
  for (let at = tail.lastIndexOf('PK\x05\x06', -END_BYTES, 'latin1'); at >= 0;) {
    if (tail.readUInt16LE(at + 20) === tail.length - at - END_BYTES) ends.push(at);
    if (at === 0) break;
    at = tail.lastIndexOf('PK\x05\x06', at - 1, 'latin1');
  }
  const [end] = ends;
  if (end === undefined) return undefined;
  if (ends.length > 1) throw new ZipProblem('its comment contains the end of another zip file');
  const disks = [tail.readUInt16LE(end + 4), tail.readUInt16LE(end + 6)];
  const counts = [tail.readUInt16LE(end + 8), tail.readUInt16LE(end + 10)];
  let directory: Directory = {
    count: counts[1]!,
    bytes: tail.readUInt32LE(end + 12),
    start: tail.readUInt32LE(end + 16),
  };
  let after = end;
  const locator = end - LOCATOR_BYTES;
  if (locator >= 0 && tail.readUInt32LE(locator) === 0x07064b50) {
    after = locator - END64_BYTES;
    const whole = findDirectory64(tail, locator, base);
    for (const [short, long, none] of [
      [directory.count, whole.count, NO_16],
      [directory.bytes, whole.bytes, NO_32],
      [directory.start, whole.start, NO_32],
    ] as const) {
      if (short !== none && short !== long) throw new ZipProblem('the two records at its end contradict each other');
    }
    directory = whole;
    if (disks.some((disk) => disk !== 0 && disk !== NO_16)) throw new ZipProblem('it is split into several parts');
  } else if (disks.some((disk) => disk !== 0) || counts[0] !== counts[1]) {
    throw new ZipProblem('it is split into several parts');
  }
  if (directory.count > MAX_MEMBERS) throw new ZipProblem(`it has ${directory.count} members`);
  if (directory.bytes > MAX_DIRECTORY_BYTES) throw new ZipProblem(`its directory has ${directory.bytes} bytes`);
  if (directory.start + directory.bytes !== base + after) {
    throw new ZipProblem('its directory is not at the place that its end record states');
  }
  return directory;
}

/** Reads the zip64 record, which has a fixed length and directly precedes its locator, where every writer puts it. */
function findDirectory64(tail: Buffer, locator: number, base: number): Directory {
  const at = locator - END64_BYTES;
  const misplaced = number64(tail, locator + 8) !== base + at;
  if (at < 0 || misplaced || tail.readUInt32LE(at) !== 0x06064b50 || number64(tail, at + 4) !== END64_BYTES - 12) {
    throw new ZipProblem('its zip64 record is not at the place that its end record states');
  }
  const count = number64(tail, at + 32);
  const disks = [tail.readUInt32LE(locator + 4), tail.readUInt32LE(at + 16), tail.readUInt32LE(at + 20)];
  if (disks.some((disk) => disk !== 0) || tail.readUInt32LE(locator + 16) > 1 || number64(tail, at + 24) !== count) {
    throw new ZipProblem('it is split into several parts');
  }
  return { count, bytes: number64(tail, at + 40), start: number64(tail, at + 48) };
}

/** Returns the members that a directory lists, in its order. */
export function readDirectory(bytes: Buffer, { start, count }: Directory): Member[] {
  const members: Member[] = [];
  const names = new Set<string>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL_BYTES > bytes.length || bytes.readUInt32LE(at) !== 0x02014b50) {
      throw new ZipProblem(`its directory has ${i} members, and its end record states ${count}`);
    }
    const sizes = [bytes.readUInt16LE(at + 28), bytes.readUInt16LE(at + 30), bytes.readUInt16LE(at + 32)] as const;
    const end = at + CENTRAL_BYTES + sizes[0] + sizes[1] + sizes[2];
    if (end > bytes.length) throw new ZipProblem('its directory is cut off');
    const rawName = bytes.subarray(at + CENTRAL_BYTES, at + CENTRAL_BYTES + sizes[0]);
    const name = checkedName(rawName);
    if (names.has(name)) throw new ZipProblem(`it has two members with the name ${shown(name)}`);
    names.add(name);
    const extra = bytes.subarray(at + CENTRAL_BYTES + sizes[0], end - sizes[2]);
    const [long, storedLong, header] = widened(
      extra,
      [bytes.readUInt32LE(at + 24), bytes.readUInt32LE(at + 20), bytes.readUInt32LE(at + 42)],
      name,
    );
    const disk = bytes.readUInt16LE(at + 34);
    if (disk !== 0 && disk !== NO_16) throw new ZipProblem('it is split into several parts');
    members.push({
      name,
      rawName,
      flags: bytes.readUInt16LE(at + 8),
      method: bytes.readUInt16LE(at + 10),
      crc32: bytes.readUInt32LE(at + 16),
      bytes: long!,
      storedBytes: storedLong!,
      header: header!,
      limit: start,
    });
    at = end;
  }
  if (at !== bytes.length)
    throw new ZipProblem(`its directory continues after the ${count} members that its end record states`);
  placeMembers(members, start);
  return members;
}

/** Sets the limit of each member, and checks that no member overlaps another. */
function placeMembers(members: readonly Member[], directory: number): void {
  const sorted = [...members].sort((a, b) => a.header - b.header);
  sorted.forEach((member, i) => {
    member.limit = sorted[i + 1]?.header ?? directory;
    const end = member.header + LOCAL_BYTES + member.rawName.length + member.storedBytes;
    if (end > member.limit || member.header >= directory) {
      throw new ZipProblem(`its member ${shown(member.name)} overlaps what follows it`);
    }
    if (member.flags & ENCRYPTED) throw new ZipProblem(`its member ${shown(member.name)} is encrypted`);
    if (member.method === 0 && member.bytes !== member.storedBytes) {
      throw new ZipProblem(`its member ${shown(member.name)} is stored, but has two different sizes`);
    }
    if (member.method !== 0 && member.method !== 8) {
      throw new ZipProblem(`its member ${shown(member.name)} uses a compression method that is not supported`);
    }
  });
}

/**
 * Returns the offset of a member's content, after checking that its local header agrees with the directory.
 * @param local bytes of the file from the member's local header on: LOCAL_BYTES, the name, and the extra field
 */
export function readLocalHeader(local: Buffer, member: Member): number {
  const nameEnd = LOCAL_BYTES + member.rawName.length;
  const differs = (what: string): ZipProblem =>
    new ZipProblem(`the header of its member ${shown(member.name)} does not agree with the directory (${what})`);
  if (local.length < nameEnd || local.readUInt32LE(0) !== 0x04034b50) throw differs('no header');
  const flags = local.readUInt16LE(6);
  if (((flags ^ member.flags) & ~LEVEL) !== 0) throw differs('flags');
  if (local.readUInt16LE(8) !== member.method) throw differs('method');
  if (local.readUInt16LE(26) !== member.rawName.length) throw differs('name');
  if (!local.subarray(LOCAL_BYTES, nameEnd).equals(member.rawName)) throw differs('name');
  const extraBytes = local.readUInt16LE(28);
  const start = member.header + nameEnd + extraBytes;
  if (start + member.storedBytes > member.limit) throw differs('length');
  const crc = local.readUInt32LE(14);
  // If a descriptor follows the content, the header may leave the checksum and both sizes to it.
  const later = (flags & HAS_DESCRIPTOR) !== 0;
  if (crc !== member.crc32 && !(later && crc === 0)) throw differs('checksum');
  const shorts = [local.readUInt32LE(22), local.readUInt32LE(18)];
  const extra = local.subarray(nameEnd, nameEnd + extraBytes);
  const longs = shorts.includes(NO_32) && !later ? widened(extra, shorts, member.name) : shorts;
  const sizes = [member.bytes, member.storedBytes];
  if (longs.some((size, i) => size !== sizes[i] && !(later && (size === 0 || size === NO_32)))) throw differs('size');
  return start;
}

/** Replaces each number that did not fit into 32 bits with its value in the zip64 extra field, which lists them in this order. */
function widened(extra: Buffer, shorts: readonly number[], name: string): number[] {
  let field: Buffer | undefined;
  for (let at = 0; at < extra.length && shorts.includes(NO_32);) {
    const size = at + 4 <= extra.length ? extra.readUInt16LE(at + 2) : Infinity;
    if (at + 4 + size > extra.length) throw new ZipProblem(`the extra field of its member ${shown(name)} is cut off`);
    if (extra.readUInt16LE(at) === 1) field ??= extra.subarray(at + 4, at + 4 + size);
    at += 4 + size;
  }
  let at = 0;
  return shorts.map((short) => {
    if (short !== NO_32 || field === undefined) return short;
    if (at + 8 > field.length) throw new ZipProblem(`the size of its member ${shown(name)} is missing`);
    at += 8;
    return number64(field, at - 8);
  });
}

function checkedName(raw: Buffer): string {
  const name = raw.toString('utf8');
  const outside = name.startsWith('/') || /^[a-z]:/i.test(name) || name.split(/[/\\]/).includes('..');
  // V8's hashes of digits are predictable, so chosen names could slow down a Map. PyTorch puts all members into a folder.
  const number = /^\d+$/.test(name);
  if (name === '' || outside || number || name.includes('\0') || !Buffer.from(name).equals(raw)) {
    throw new ZipProblem(`it has a member with an invalid name: ${shown(name)}`);
  }
  return name;
}

/** Beyond 2^53 the number is not exact, but still larger than any file. */
function number64(bytes: Buffer, at: number): number {
  return at < 0 ? NaN : Number(bytes.readBigUInt64LE(at));
}
