import { crc32, deflateRawSync } from 'node:zlib';

/** A member to be written. The optional fields choose a form, or falsify the headers. */
export interface ZipMember {
  name: string;
  content: Buffer;
  compress?: boolean;
  /** Writes the sizes and the checksum after the content, as torch.save does. */
  descriptor?: boolean;
  /** False fields of the directory. */
  central?: Partial<ZipFields>;
  /** Fields of the local header that differ from the directory. */
  local?: Partial<ZipFields>;
}

export interface ZipFields {
  name: string;
  flags: number;
  method: number;
  crc32: number;
  storedBytes: number;
  bytes: number;
  /** Only in the directory. */
  offset: number;
  disk: number;
}

export interface ZipEnd {
  count: number;
  countHere: number;
  disk: number;
  directoryBytes: number;
  directoryStart: number;
  comment: Buffer;
  /** Writes the zip64 records too, with these values. */
  zip64: { locator?: number; start?: number; bytes?: number; count?: number; short?: boolean };
  /** Bytes after the end record. */
  trailing: Buffer;
}

/** Returns a zip file that is correct except for the requested differences. */
export function zipOf(members: readonly ZipMember[], end: Partial<ZipEnd> = {}): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let at = 0;
  for (const { name, content, compress = false, descriptor = false, ...lies } of members) {
    const body = compress ? deflateRawSync(content) : content;
    const flags = 0x800 | (descriptor ? 8 : 0);
    const sizes = { crc32: crc32(content), storedBytes: body.length, bytes: content.length };
    const truth = { name, flags, method: compress ? 8 : 0, ...sizes, offset: at, disk: 0 };
    const none = { crc32: 0, storedBytes: 0, bytes: 0 };
    const listed: ZipFields = { ...truth, ...lies.central };
    const header = Buffer.concat([
      Buffer.from('PK\x03\x04\x14\x00'),
      fields({ ...listed, ...(descriptor && none), ...lies.local }),
    ]);
    const rest = Buffer.alloc(14);
    rest.writeUInt16LE(listed.disk, 2);
    rest.writeUInt32LE(listed.offset, 10);
    const [before, after] = halves(fields(listed));
    central.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00\x14\x00'), before, rest, after]));
    local.push(header, body);
    at += header.length + body.length;
    if (descriptor) {
      const block = Buffer.alloc(16);
      block.write('PK\x07\x08', 'latin1');
      block.writeUInt32LE(sizes.crc32, 4);
      block.writeUInt32LE(sizes.storedBytes, 8);
      block.writeUInt32LE(sizes.bytes, 12);
      local.push(block);
      at += block.length;
    }
  }
  const directory = Buffer.concat(central);
  const truth = { count: members.length, bytes: directory.length, start: at };
  const { comment = Buffer.alloc(0), zip64, trailing = Buffer.alloc(0) } = end;
  const record = Buffer.alloc(22);
  record.write('PK\x05\x06', 'latin1');
  const short = zip64?.short ?? true;
  const count = end.count ?? (zip64 && short ? 0xffff : truth.count);
  record.writeUInt16LE(end.disk ?? 0, 4);
  record.writeUInt16LE(end.countHere ?? count, 8);
  record.writeUInt16LE(count, 10);
  record.writeUInt32LE(end.directoryBytes ?? (zip64 && short ? 0xffffffff : truth.bytes), 12);
  record.writeUInt32LE(end.directoryStart ?? (zip64 && short ? 0xffffffff : truth.start), 16);
  record.writeUInt16LE(comment.length, 20);
  const long = zip64 ? [end64(at + directory.length, { ...truth, ...zip64 })] : [];
  return Buffer.concat([...local, directory, ...long, record, comment, trailing]);
}

function end64(
  at: number,
  { locator = at, start, bytes, count }: { locator?: number; start: number; bytes: number; count: number },
): Buffer {
  const record = Buffer.alloc(76);
  record.write('PK\x06\x06', 'latin1');
  record.writeBigUInt64LE(44n, 4);
  record.writeBigUInt64LE(BigInt(count), 24);
  record.writeBigUInt64LE(BigInt(count), 32);
  record.writeBigUInt64LE(BigInt(bytes), 40);
  record.writeBigUInt64LE(BigInt(start), 48);
  record.write('PK\x06\x07', 56, 'latin1');
  record.writeBigUInt64LE(BigInt(locator), 64);
  record.writeUInt32LE(1, 72);
  return record;
}

/** Returns the fields from flags to name, without an extra field, as both headers have them. */
function fields({ flags, method, crc32, storedBytes, bytes, name }: ZipFields): Buffer {
  const text = Buffer.from(name);
  const block = Buffer.alloc(24);
  block.writeUInt16LE(flags, 0);
  block.writeUInt16LE(method, 2);
  block.writeUInt32LE(crc32, 8);
  block.writeUInt32LE(storedBytes, 12);
  block.writeUInt32LE(bytes, 16);
  block.writeUInt16LE(text.length, 20);
  return Buffer.concat([block, text]);
}

/** Splits the fields, because the directory has further fields between the lengths and the name. */
function halves(block: Buffer): [Buffer, Buffer] {
  return [block.subarray(0, 24), block.subarray(24)];
}
