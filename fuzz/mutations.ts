import { Pickler } from '../test/support/checkpoint.js';

/** Opcodes of a pickle with their operands, which a mutation inserts or removes as a whole. */
const INSTRUCTIONS: readonly (string | ((random: () => number) => Buffer))[] = [
  ...'(012)]}tlde\x85\x86\x87asubRQN.\x81\x88\x89\x8f\x90\x91\x92\x93\x94o'.split(''),
  (random) => Buffer.from([0x4b, below(random, 256)]), // BININT1
  (random) => Buffer.from([0x68, below(random, 40)]), // BINGET
  (random) => Buffer.from([0x71, below(random, 40)]), // BINPUT
  (random) => numbered(0x4a, 4, random), // BININT
  (random) => numbered(0x6a, 4, random), // LONG_BINGET
  (random) => numbered(0x72, 4, random), // LONG_BINPUT
  (random) => numbered(0x58, 4, random), // BINUNICODE
  (random) => numbered(0x8b, 4, random), // LONG4
  (random) => numbered(0x8d, 8, random), // BINUNICODE8
  (random) => numbered(0x95, 8, random), // FRAME
  'ctorch._utils\n_rebuild_tensor_v2\n',
  'ctorch._utils\n_rebuild_parameter\n',
  'ctorch\nFloatStorage\n',
  'ctorch\nHalfStorage\n',
  'ccollections\nOrderedDict\n',
  'cos\nsystem\n',
  'ia\nb\n',
  'I00\n',
  'I-7\n',
  'F1e400\n',
  'L99999999999999999999L\n',
  'Vtext\n',
  'p7\n',
  'g7\n',
  'X\x07\0\0\0storage',
  'X\x01\0\0\x000',
  'h\0h\0\x86q\0',
  'h\x01h\x01\x86q\x01',
  '\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\x7f',
];

/** Inserts, repeats, moves or removes whole opcodes, which random changes of bytes would hardly do. */
export function mutatePickle(bytes: Buffer, random: () => number): Buffer {
  let changed = bytes;
  for (let left = 1 + below(random, 4); left > 0; left--) {
    const at = below(random, changed.length + 1);
    const instruction = INSTRUCTIONS[below(random, INSTRUCTIONS.length)]!;
    const inserted = typeof instruction === 'string' ? Buffer.from(instruction, 'latin1') : instruction(random);
    const removed = below(random, 12);
    switch (below(random, 5)) {
      case 0:
        changed = Buffer.concat([changed.subarray(0, at), inserted, changed.subarray(at)]);
        break;
      case 1:
        changed = Buffer.concat([changed.subarray(0, at), inserted, changed.subarray(at + inserted.length)]);
        break;
      case 2:
        changed = Buffer.concat([changed.subarray(0, at), changed.subarray(at + removed)]);
        break;
      case 3: {
        const times = [2, 30, 3000][below(random, 3)]!;
        changed = Buffer.concat([
          changed.subarray(0, at),
          Buffer.alloc(inserted.length * times, inserted),
          changed.subarray(at),
        ]);
        break;
      }
      default: {
        const from = below(random, changed.length);
        const moved = changed.subarray(from, from + 8 * removed);
        changed = Buffer.concat([changed.subarray(0, at), moved, changed.subarray(at)]);
      }
    }
  }
  return changed;
}

/** Boundary values of one, two, four and eight bytes. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 2 ** 53];

/** Sets numbers in the headers of a zip file to boundary values. */
export function mutateZip(bytes: Buffer, random: () => number): Buffer {
  const changed = Buffer.from(bytes);
  const headers: number[] = [];
  for (let at = changed.indexOf('PK'); at >= 0; at = changed.indexOf('PK', at + 2)) headers.push(at);
  for (let left = 1 + below(random, 3); left > 0 && headers.length > 0; left--) {
    const at = headers[below(random, headers.length)]! + 4 + below(random, 52);
    const edge = EDGES[below(random, EDGES.length)]! + below(random, 2) * below(random, 300);
    const width = [2, 2, 4, 8][below(random, 4)]!;
    for (let i = 0; i < width && at + i < changed.length; i++) changed[at + i] = Math.floor(edge / 256 ** i) % 256;
  }
  return changed;
}

/** Pickles that consist of a trap for readers only. */
export function trapPickles(): Buffer[] {
  return [
    new Pickler().raw('(lq\0h\0h\0\x86q\x01h\x01h\x01\x86q\x02)R').finish(),
    new Pickler().raw(']q\0h\0a)R').finish(),
    new Pickler().raw(']', Buffer.alloc(3000, 0x85), ')R').finish(),
    new Pickler().raw('}', Buffer.alloc(3000, 'NNs')).finish(),
    new Pickler().raw('Nr', 0xff, 0xff, 0xff, 0xff).finish(),
    new Pickler().raw(0x80, 4, 0x95, 9, 0, 0, 0, 0, 0, 0, 0, '}(', 0x8c, 1, 'a', 0x94, 'K\x01u').finish(),
    new Pickler().dict([['model', (p) => p.tensor({ shape: [2, 2], data: new Float32Array(4) })]]).finish(),
    Buffer.from("(dp0\nS'a'\np1\nI1\ns."),
  ];
}

function numbered(opcode: number, width: 4 | 8, random: () => number): Buffer {
  const bytes = Buffer.alloc(1 + width);
  bytes[0] = opcode;
  const value = random() < 0.5 ? below(random, 64) : EDGES[below(random, EDGES.length)]!;
  for (let i = 0; i < width; i++) bytes[1 + i] = Math.floor(value / 256 ** i) % 256;
  return bytes;
}

function below(random: () => number, limit: number): number {
  return Math.floor(random() * limit);
}
