import assert from 'node:assert/strict';

import { decodeFlac } from '../../../lib/audio/formats/encoded/codecs/flac.js';
import { collect } from '../../support/blocks.js';

/** Writes bits, most significant first. */
class BitWriter {
  readonly #bits: number[] = [];

  write(value: number, count: number): void {
    const whole = value < 0 ? value + 2 ** count : value;
    for (let bit = count - 1; bit >= 0; bit--) this.#bits.push(Math.floor(whole / 2 ** bit) % 2);
  }

  bytes(): number[] {
    while (this.#bits.length % 8 > 0) this.#bits.push(0);
    return Array.from({ length: this.#bits.length / 8 }, (_, i) =>
      parseInt(this.#bits.slice(8 * i, 8 * i + 8).join(''), 2),
    );
  }
}

function crc(bytes: readonly number[], bits: number, polynomial: number): number {
  const top = 2 ** (bits - 1);
  let sum = 0;
  for (const byte of bytes) {
    sum ^= byte * 2 ** (bits - 8);
    for (let i = 0; i < 8; i++) sum = (sum & top ? (sum << 1) ^ polynomial : sum << 1) & (2 * top - 1);
  }
  return sum;
}

interface Layout {
  bits: number;
  sampleRate?: number;
  /** Channel assignment. 8: left and side. */
  assignment?: number;
  total?: number;
}

/** Returns a frame of verbatim or constant samples. */
function frame(channels: number[][], { bits, assignment = channels.length - 1 }: Layout, constant = false): number[] {
  const size = channels[0]!.length;
  const writer = new BitWriter();
  for (const [value, count] of [
    [0xfff8, 16],
    [7, 4],
    [0, 4],
    [assignment, 4],
    [0, 3],
    [0, 1],
    [0, 8],
    [size - 1, 16],
  ])
    writer.write(value!, count!);
  const head = writer.bytes();
  const body = new BitWriter();
  for (const byte of [...head, crc(head, 8, 0x07)]) body.write(byte, 8);
  channels.forEach((samples, i) => {
    const width = bits + (assignment === 8 && i === 1 ? 1 : 0);
    body.write(constant ? 0 : 2, 8);
    for (const sample of constant ? samples.slice(0, 1) : samples) body.write(sample, width);
  });
  const bytes = body.bytes();
  const sum = crc(bytes, 16, 0x8005);
  return [...bytes, sum >> 8, sum & 255];
}

function file(frames: number[][], channels: number, { bits, sampleRate = 16000, total = 0 }: Layout): Uint8Array {
  const info = new BitWriter();
  for (const [value, count] of [
    [16, 16],
    [65535, 16],
    [0, 24],
    [0, 24],
    [sampleRate, 20],
    [channels - 1, 3],
    [bits - 1, 5],
    [total, 36],
  ])
    info.write(value!, count!);
  for (let i = 0; i < 16; i++) info.write(0, 8);
  return Uint8Array.from([...Buffer.from('fLaC\x80\0\0\x22', 'latin1'), ...info.bytes(), ...frames.flat()]);
}

describe('FLAC', () => {
  for (const bits of [4, 8, 12, 15, 16, 20, 24, 31, 32]) {
    it(`decodes ${bits} bits at the correct level`, async () => {
      const full = 2 ** (bits - 1);
      const samples = [
        0,
        1,
        -1,
        full - 1,
        -full,
        ...Array.from({ length: 59 }, (_, i) => Math.trunc((full - 1) * Math.sin(i)) + 0),
      ];
      const [run] = await collect(decodeFlac(file([frame([samples], { bits })], 1, { bits })));
      assert.equal(run!.sampleRate, 16000);
      assert.deepEqual(
        run!.samples,
        Float32Array.from(samples, (sample) => sample / full),
      );
    });
  }

  it('decodes a side channel of 33 bits', async () => {
    const [left, right] = [
      [2 ** 31 - 1, -(2 ** 31)],
      [-(2 ** 31), 2 ** 31 - 1],
    ];
    const coded = [left, left.map((sample, i) => sample - right[i]!)];
    const bytes = file([frame(coded, { bits: 32, assignment: 8 })], 2, { bits: 32 });
    for await (const { channelData } of decodeFlac(bytes)) {
      assert.deepEqual(
        channelData,
        [left, right].map((channel) => Float32Array.from(channel, (sample) => sample / 2 ** 31)),
      );
    }
  });

  it('decodes a rate without a code, and a file whose length is unknown or false', async () => {
    const samples = Array.from({ length: 100 }, (_, i) => i);
    for (const total of [0, 5, 2 ** 36 - 1]) {
      const [run] = await collect(
        decodeFlac(file([frame([samples], { bits: 16 })], 1, { bits: 16, sampleRate: 44101, total })),
      );
      assert.equal(run!.sampleRate, 44101);
      assert.equal(run!.samples.length, 100);
    }
  });

  it('skips a damaged frame among intact ones, and rejects a file of damaged frames', async () => {
    const good = frame([Array.from({ length: 32 }, (_, i) => i)], { bits: 16 });
    const bad = good.with(30, good[30]! ^ 1);
    const frames = new Array<typeof good>(24).fill(good);
    const [run] = await collect(decodeFlac(file([...frames, bad, good], 1, { bits: 16 })));
    assert.equal(run!.samples.length, 25 * 32);
    for (const damaged of [
      [good, bad, good],
      [bad, good, bad, bad],
      [...frames, bad, bad],
    ]) {
      await assert.rejects(collect(decodeFlac(file(damaged, 1, { bits: 16 }))), /damaged/);
    }
  });

  it('decodes hours of constant samples block by block', async () => {
    const still = frame(
      Array.from({ length: 8 }, () => new Array<number>(65_536).fill(5)),
      { bits: 16 },
      true,
    );
    let blocks = 0;
    for await (const { channelData } of decodeFlac(file(new Array<number[]>(1000).fill(still), 8, { bits: 16 }))) {
      assert.equal(channelData[0]!.length, 65_536);
      if (++blocks === 3) break;
    }
    assert.equal(blocks, 3);
  });
});
