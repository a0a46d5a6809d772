/**
 * The central directory of a zip file: what is in it, and where. Strict, since what is read here may come from strangers: every
 * number is checked against the file before it is used, and a file that two readers could understand differently is refused.
 *
 * APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
 */
import { brief } from './brief.js';

/** Members of a zip file that are read: a checkpoint of 50,000 tensors has as many. */
export const MOST_MEMBERS = 100_000;
/** Bytes of a central directory: 640 for each of the most members. */
export const MOST_DIRECTORY_BYTES = 64 * 2 ** 20;

const END_BYTES = 22;
const LOCATOR_BYTES = 20;
const END64_BYTES = 56;
const CENTRAL_BYTES = 46;
export const LOCAL_BYTES = 30;
/** The end record with its comment, and what zip64 has before it. */
export const TAIL_BYTES = END64_BYTES + LOCATOR_BYTES + END_BYTES + 0xffff;

const NO_16 = 0xffff;
const NO_32 = 0xffffffff;
/** Bits of the flags: encrypted, strongly encrypted, with the directory itself encrypted. */
const ENCRYPTED = 0x1 | 0x40 | 0x2000;
const HAS_DESCRIPTOR = 0x8;
/** How hard the compressor tried, which changes nothing for a reader. */
const EFFORT = 0x6;

/** Thrown for whatever is wrong in a zip file; `message` continues "it cannot be read: ". */
export class ZipProblem extends Error {}

/** Where a central directory lies. */
export interface Directory {
  start: number;
  bytes: number;
  count: number;
}

/** An entry of a central directory. */
export interface Member {
  name: string;
  /** As it is written, which its local header must repeat. */
  rawName: Buffer;
  flags: number;
  /** 0: stored, 8: deflated. */
  method: number;
  crc32: number;
  /** Of the content. */
  bytes: number;
  /** Of the content as it lies in the file. */
  storedBytes: number;
  /** Of the local header, from the file's start. */
  header: number;
  /** Where the next member or the directory begins: the content ends before. */
  limit: number;
}

/**
 * Finds the directory from a file's last bytes, TAIL_BYTES or all of them.
 * @returns undefined where the file does not end as a zip file does
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
  if (ends.length > 1) throw new ZipProblem('its comment holds the end of another zip file');
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
    if (disks.some((disk) => disk !== 0 && disk !== NO_16)) throw new ZipProblem('it has several parts');
  } else if (disks.some((disk) => disk !== 0) || counts[0] !== counts[1]) {
    throw new ZipProblem('it has several parts');
  }
  if (directory.count > MOST_MEMBERS) throw new ZipProblem(`it has ${directory.count} members`);
  if (directory.bytes > MOST_DIRECTORY_BYTES) throw new ZipProblem(`its directory has ${directory.bytes} bytes`);
  if (directory.start + directory.bytes !== base + after) {
    throw new ZipProblem('its directory is not where its end says');
  }
  return directory;
}

/** The same in 64 bits: a record of fixed length straight before its locator, as every writer of such files puts it. */
function findDirectory64(tail: Buffer, locator: number, base: number): Directory {
  const at = locator - END64_BYTES;
  const misplaced = number64(tail, locator + 8) !== base + at;
  if (at < 0 || misplaced || tail.readUInt32LE(at) !== 0x06064b50 || number64(tail, at + 4) !== END64_BYTES - 12) {
    throw new ZipProblem('its zip64 record is not where its end says');
  }
  const count = number64(tail, at + 32);
  const disks = [tail.readUInt32LE(locator + 4), tail.readUInt32LE(at + 16), tail.readUInt32LE(at + 20)];
  if (disks.some((disk) => disk !== 0) || tail.readUInt32LE(locator + 16) > 1 || number64(tail, at + 24) !== count) {
    throw new ZipProblem('it has several parts');
  }
  return { count, bytes: number64(tail, at + 40), start: number64(tail, at + 48) };
}

/** The members that a directory lists, in its order. */
export function readDirectory(bytes: Buffer, { start, count }: Directory): Member[] {
  const members: Member[] = [];
  const names = new Set<string>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL_BYTES > bytes.length || bytes.readUInt32LE(at) !== 0x02014b50) {
      throw new ZipProblem(`its directory has ${i} members where its end says ${count}`);
    }
    const sizes = [bytes.readUInt16LE(at + 28), bytes.readUInt16LE(at + 30), bytes.readUInt16LE(at + 32)] as const;
    const end = at + CENTRAL_BYTES + sizes[0] + sizes[1] + sizes[2];
    if (end > bytes.length) throw new ZipProblem('its directory is cut off');
    const rawName = bytes.subarray(at + CENTRAL_BYTES, at + CENTRAL_BYTES + sizes[0]);
    const name = checkedName(rawName);
    if (names.has(name)) throw new ZipProblem(`it has two members named ${brief(name)}`);
    names.add(name);
    const extra = bytes.subarray(at + CENTRAL_BYTES + sizes[0], end - sizes[2]);
    const [long, storedLong, header] = inFull(
      extra,
      [bytes.readUInt32LE(at + 24), bytes.readUInt32LE(at + 20), bytes.readUInt32LE(at + 42)],
      name,
    );
    const disk = bytes.readUInt16LE(at + 34);
    if (disk !== 0 && disk !== NO_16) throw new ZipProblem('it has several parts');
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
  if (at !== bytes.length) throw new ZipProblem(`its directory goes on after the ${count} members of its end`);
  placeMembers(members, start);
  return members;
}

/** Finds where each must end, and that none lies in another. */
function placeMembers(members: readonly Member[], end: number): void {
  const sorted = [...members].sort((a, b) => a.header - b.header);
  sorted.forEach((member, i) => {
    member.limit = sorted[i + 1]?.header ?? end;
    const least = member.header + LOCAL_BYTES + member.rawName.length + member.storedBytes;
    if (least > member.limit || member.header >= end) {
      throw new ZipProblem(`its member ${brief(member.name)} reaches into what follows it`);
    }
    if (member.flags & ENCRYPTED) throw new ZipProblem(`its member ${brief(member.name)} is encrypted`);
    if (member.method === 0 && member.bytes !== member.storedBytes) {
      throw new ZipProblem(`its member ${brief(member.name)} has two sizes`);
    }
    if (member.method !== 0 && member.method !== 8) {
      throw new ZipProblem(`its member ${brief(member.name)} is compressed in a way that is not read here`);
    }
  });
}

/**
 * Where a member's content begins, once its local header agrees with the directory.
 * @param local the file from the member's header: LOCAL_BYTES, the name, and the extra field as far as it is there
 */
export function readLocalHeader(local: Buffer, member: Member): number {
  const nameEnd = LOCAL_BYTES + member.rawName.length;
  const differs = (what: string): ZipProblem =>
    new ZipProblem(`the header of its member ${brief(member.name)} does not agree with its directory (${what})`);
  if (local.length < nameEnd || local.readUInt32LE(0) !== 0x04034b50) throw differs('no header');
  const flags = local.readUInt16LE(6);
  if (((flags ^ member.flags) & ~EFFORT) !== 0) throw differs('flags');
  if (local.readUInt16LE(8) !== member.method) throw differs('method');
  if (local.readUInt16LE(26) !== member.rawName.length) throw differs('name');
  if (!local.subarray(LOCAL_BYTES, nameEnd).equals(member.rawName)) throw differs('name');
  const extraBytes = local.readUInt16LE(28);
  const start = member.header + nameEnd + extraBytes;
  if (start + member.storedBytes > member.limit) throw differs('length');
  const crc = local.readUInt32LE(14);
  // With a descriptor after the content, the header may leave all three to it.
  const later = (flags & HAS_DESCRIPTOR) !== 0;
  if (crc !== member.crc32 && !(later && crc === 0)) throw differs('checksum');
  const shorts = [local.readUInt32LE(22), local.readUInt32LE(18)];
  const extra = local.subarray(nameEnd, nameEnd + extraBytes);
  const longs = shorts.includes(NO_32) && !later ? inFull(extra, shorts, member.name) : shorts;
  const sizes = [member.bytes, member.storedBytes];
  if (longs.some((size, i) => size !== sizes[i] && !(later && (size === 0 || size === NO_32)))) throw differs('size');
  return start;
}

/** Numbers of 32 bits, those that do not fit taken from the zip64 extra field, which lists them in this order. */
function inFull(extra: Buffer, shorts: readonly number[], name: string): number[] {
  let field: Buffer | undefined;
  for (let at = 0; at < extra.length && shorts.includes(NO_32);) {
    const size = at + 4 <= extra.length ? extra.readUInt16LE(at + 2) : Infinity;
    if (at + 4 + size > extra.length) throw new ZipProblem(`the extra field of its member ${brief(name)} is cut off`);
    if (extra.readUInt16LE(at) === 1) field ??= extra.subarray(at + 4, at + 4 + size);
    at += 4 + size;
  }
  let at = 0;
  return shorts.map((short) => {
    if (short !== NO_32 || field === undefined) return short;
    if (at + 8 > field.length) throw new ZipProblem(`the size of its member ${brief(name)} is missing`);
    at += 8;
    return number64(field, at - 8);
  });
}

function checkedName(raw: Buffer): string {
  const name = raw.toString('utf8');
  const outside = name.startsWith('/') || /^[a-z]:/i.test(name) || name.split(/[/\\]/).includes('..');
  const number = /^\d+$/.test(name); // PyTorch puts all into a folder; what digits hash to in a Map is known to everybody
  if (name === '' || outside || number || name.includes('\0') || !Buffer.from(name).equals(raw)) {
    throw new ZipProblem(`it has a member of a name that cannot be: ${brief(name)}`);
  }
  return name;
}

/** Beyond 2^53 it is not exact, but larger than any file all the same. */
function number64(bytes: Buffer, at: number): number {
  return at < 0 ? NaN : Number(bytes.readBigUInt64LE(at));
}
