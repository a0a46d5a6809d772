import assert from 'node:assert/strict';
import { Blob, File } from 'node:buffer';
import { createReadStream, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';

import { decode } from '../support/decode.js';
import { fixture } from '../support/paths.js';

const SPEECH = fixture('speech.mp3');
const bytes = new Uint8Array(readFileSync(SPEECH));
const chunks = () => [bytes.subarray(0, 7), new Uint8Array(0), bytes.subarray(7, 5000), bytes.subarray(5000)];
const shared = () => {
  const memory = new SharedArrayBuffer(bytes.length);
  new Uint8Array(memory).set(bytes);
  return memory;
};
const resizable = () => {
  const Resizable = ArrayBuffer as unknown as new (size: number, options: { maxByteLength: number }) => ArrayBuffer;
  const memory = new Resizable(bytes.length, { maxByteLength: 2 * bytes.length });
  new Uint8Array(memory).set(bytes);
  return memory;
};
const viewOf = () => {
  const padded = Buffer.concat([Buffer.from('xyz'), bytes]);
  return new DataView(padded.buffer, padded.byteOffset + 3, bytes.length);
};
/** Returns a value of another realm, whose classes differ from those of this one. */
const elsewhere = (expression: string, globals: object = {}) => vm.runInNewContext(expression, globals) as unknown;

describe('kinds of input', () => {
  let reference: Float32Array;
  before(async () => {
    reference = (await decode(SPEECH)).samples;
  });

  const kinds: [string, () => unknown][] = [
    ['a Uint8Array', () => bytes],
    ['a Buffer that is a view of a pool', () => Buffer.concat([Buffer.from('xyz'), bytes]).subarray(3)],
    ['a Uint8ClampedArray', () => Uint8ClampedArray.from(bytes)],
    ['an Int8Array', () => new Int8Array(bytes.buffer)],
    ['a DataView', viewOf],
    ['an ArrayBuffer', () => bytes.slice().buffer],
    ['a SharedArrayBuffer', shared],
    ['an array on a SharedArrayBuffer', () => new Uint8Array(shared())],
    ['a resizable ArrayBuffer', resizable],
    ['an array of another realm', () => elsewhere('Uint8Array.from(bytes)', { bytes })],
    ['a buffer of another realm', () => elsewhere('Uint8Array.from(bytes).buffer', { bytes })],
    ['a Blob', () => new Blob([bytes])],
    ['a slice of a Blob', () => new Blob([Buffer.from('xyz'), bytes]).slice(3)],
    ['a File', () => new File([bytes], 'a.mp3')],
    [
      "another library's Blob",
      () => ({ size: bytes.length, stream: () => 0, arrayBuffer: () => Promise.resolve(bytes.slice().buffer) }),
    ],
    ['a file URL', () => pathToFileURL(SPEECH)],
    ['a URL with percent-encoding', () => new URL(pathToFileURL(SPEECH).href.replace('speech', '%73%70eech'))],
    ['a data: URL', () => `data:audio/mpeg;base64,${Buffer.from(bytes).toString('base64')}`],
    ['a data: URL object', () => new URL(`data:audio/mpeg;base64,${Buffer.from(bytes).toString('base64')}`)],
    [
      'a data: URL without base64',
      () => `data:,${Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')}`,
    ],
    ['a Node stream of a file', () => createReadStream(SPEECH, { highWaterMark: 999 })],
    ['a Node stream of chunks', () => Readable.from(chunks(), { objectMode: false })],
    ['a web stream', () => ReadableStream.from(chunks())],
    ["a Blob's web stream", () => new Blob([bytes]).stream()],
    ['an array of chunks', chunks],
    ['a generator of chunks', () => chunks().values()],
    [
      'an async generator of chunks',
      async function* () {
        for (const chunk of chunks()) yield await Promise.resolve(chunk);
      },
    ],
    [
      'an async iterable of buffers',
      () => ({
        async *[Symbol.asyncIterator]() {
          for (const chunk of chunks()) yield await Promise.resolve(chunk.slice().buffer);
        },
      }),
    ],
    [
      'an async generator of another realm',
      () => elsewhere('(async function* () { yield* chunks; })()', { chunks: chunks() }),
    ],
  ];
  for (const [name, make] of kinds) {
    it(`are accepted: ${name}`, async () => {
      const input = make();
      const given = typeof input === 'function' ? (input as () => unknown)() : input;
      assert.deepEqual((await decode(given)).samples, reference);
    });
  }

  it('include chunks of one byte', async () => {
    const wav = readFileSync(fixture('speech-u8.wav'));
    const each = Array.from(wav, (byte) => Uint8Array.of(byte));
    assert.deepEqual((await decode(each)).samples, (await decode(wav)).samples);
  });

  it('are copied chunk by chunk, so that the memory of a chunk may be reused', async () => {
    const memory = new Uint8Array(1000);
    const reader = function* () {
      for (let at = 0; at < bytes.length; at += 1000) {
        const part = bytes.subarray(at, at + 1000);
        memory.set(part);
        yield memory.subarray(0, part.length);
      }
    };
    assert.deepEqual((await decode(reader())).samples, reference);
  });

  describe('raw samples', () => {
    const ints = Int16Array.of(0, 16384, -32768, 32767);
    const floats = [0, 0.5, -1, 32767 / 32768];
    const arrays: [string, unknown][] = [
      ['Int16Array', ints],
      ['Float64Array', Float64Array.from(floats)],
      ['Float32Array', Float32Array.from(floats)],
      ['a view', Int16Array.of(9, 9, ...ints, 9).subarray(2, 6)],
      ['an array of another realm', elsewhere('Int16Array.from(ints)', { ints })],
      ['Float32Array on a SharedArrayBuffer', onShared(Float32Array.from(floats))],
      ['Int16Array on a SharedArrayBuffer', onShared(ints)],
    ];
    for (const [name, samples] of arrays) {
      it(`are accepted: ${name}`, async () => {
        for (const rate of [undefined, 16000]) {
          assert.deepEqual([...(await decode({ samples, sampleRate: 16000 }, { rate })).samples], floats);
        }
      });
    }

    it('are copied if another thread may write to them, and are not modified', async () => {
      const samples = onShared(Float32Array.from(floats));
      const { samples: own } = await decode({ samples, sampleRate: 16000 });
      samples.fill(0.25);
      assert.deepEqual([...own], floats);
      const before = ints.slice();
      await decode({ samples: ints, sampleRate: 8000 }, { rate: 16000 });
      assert.deepEqual(ints, before);
    });

    it('are rejected with the index of a sample that is not finite, also as float64', async () => {
      const samples = new Float64Array(100);
      for (const bad of [NaN, Infinity, 1e300]) {
        samples[70] = bad;
        await assert.rejects(decode({ samples, sampleRate: 8000 }), { code: 'ERR_AUDIO_NOT_FINITE', message: /70/ });
      }
    });

    it('are read from each property once, and errors of getters are passed on', async () => {
      let looks = 0;
      const input = {
        sampleRate: 16000,
        get samples() {
          return looks++ === 0 ? ints : undefined;
        },
      };
      assert.equal((await decode(input)).samples.length, 4);
      const trap = {
        sampleRate: 16000,
        get samples() {
          throw new RangeError('trap');
        },
      };
      await assert.rejects(decode(trap), RangeError);
      assert.equal((await decode(new Proxy({ samples: ints, sampleRate: 16000 }, {}))).samples.length, 4);
    });
  });

  function onShared<T extends Float32Array | Int16Array>(array: T): T {
    const copy = new (array.constructor as new (memory: SharedArrayBuffer) => T)(
      new SharedArrayBuffer(array.byteLength),
    );
    copy.set(array);
    return copy;
  }

  describe('transfer', () => {
    it('moves a whole buffer, but no view of a pool', async () => {
      const whole = bytes.slice();
      assert.deepEqual((await decode(whole, { transfer: true })).samples, reference);
      assert.equal(whole.byteLength, 0);
      const pooled = Buffer.from(bytes.subarray(0, 100));
      await assert.rejects(decode(pooled, { transfer: true }), { code: 'ERR_AUDIO_DECODE' });
      assert.ok(pooled.byteLength === 100 && Buffer.from('x').toString() === 'x');
      const lent = shared();
      assert.deepEqual((await decode(lent, { transfer: true })).samples, reference);
      assert.equal(lent.byteLength, bytes.length);
    });

    it('copies the memory that a Blob keeps, and ignores its size', async () => {
      const kept = bytes.slice();
      const blob = { size: 1, stream: () => 0, arrayBuffer: () => Promise.resolve(kept.buffer) };
      for (let i = 0; i < 2; i++) assert.deepEqual((await decode(blob, { transfer: true })).samples, reference);
      await assert.rejects(decode(blob, { maxBytes: 100 }), { code: 'ERR_AUDIO_TOO_LONG' });
    });

    it('copies memory that cannot be transferred', async () => {
      const pages = Math.ceil(bytes.length / 65536);
      const memory = new WebAssembly.Memory({ initial: pages });
      new Uint8Array(memory.buffer).set(bytes);
      await assert.doesNotReject(decode(memory.buffer, { transfer: true }));
      assert.ok(memory.buffer.byteLength === pages * 65536 || memory.buffer.byteLength === 0);
    });
  });

  const detached = (view: Uint8Array | Float32Array) => {
    structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] });
    return view;
  };
  const misuse: [string, () => unknown][] = [
    ['undefined', () => undefined],
    ['null', () => null],
    ['a number', () => 5],
    ['a symbol', () => Symbol('x')],
    ['an empty object', () => ({})],
    ['an empty path', () => ''],
    ['a function', () => () => bytes],
    ['a promise', () => Promise.resolve(bytes)],
    ['samples without a rate', () => new Float32Array(4)],
    ['wider integers', () => new Uint16Array(4)],
    ['numbers', () => [0.1, 0.2]],
    ['samples as numbers', () => ({ samples: [0.1, 0.2], sampleRate: 16000 })],
    ['samples as Int8Array', () => ({ samples: new Int8Array(4), sampleRate: 16000 })],
    ['samples as Int32Array', () => ({ samples: new Int32Array(4), sampleRate: 16000 })],
    ['samples as bytes', () => ({ samples: Buffer.alloc(4), sampleRate: 16000 })],
    ['a rate as text', () => ({ samples: new Float32Array(4), sampleRate: '16000' })],
    ['no rate', () => ({ samples: new Float32Array(4) })],
    ['bytes that were transferred', () => detached(bytes.slice())],
    ['a buffer that was transferred', () => detached(bytes.slice()).buffer],
    ['samples that were transferred', () => ({ samples: detached(new Float32Array(4)), sampleRate: 16000 })],
    ['a stream of objects', () => Readable.from([bytes])],
    ['a stream of text', () => createReadStream(SPEECH, 'latin1')],
    ['chunks of text', () => ['RIFF', 'WAVE']],
    ['chunks of float32', () => [new Float32Array(4)]],
    ['a file URL of another host', () => new URL('file://elsewhere/a.wav')],
    ['a file URL with an encoded slash', () => new URL('file:///tmp%2Fa.wav')],
    ['a file URL with an encoded NUL', () => new URL('file:///tmp/a%00.wav')],
    ['a writable stream', () => process.stdout],
  ];
  for (const [name, make] of misuse) {
    it(`are rejected with a TypeError of one line: ${name}`, async () => {
      await assert.rejects(decode(make()), (error: Error) => {
        assert.ok(error instanceof TypeError, error.stack);
        assert.ok(!error.message.includes('\n') && error.message.length < 400);
        return true;
      });
    });
  }

  it('do not include URLs that must be fetched, and the error shows how to fetch them', async () => {
    for (const input of [
      'https://example.org/a.wav',
      new URL('http://example.org/a.wav'),
      'HTTPS://EXAMPLE.ORG/A.WAV',
    ]) {
      await assert.rejects(decode(input), { code: 'ERR_FILE_NOT_FOUND', message: /fetch\(url\)/ });
    }
    for (const input of [
      's3://bucket/a.wav',
      new URL('ftp://h/a.wav'),
      new URL('blob:nodedata:1'),
      'file:///tmp/a.wav',
    ]) {
      await assert.rejects(decode(input), { code: 'ERR_FILE_NOT_FOUND' });
    }
    await assert.rejects(
      decode('https://me:secret@example.org/a'),
      (error: Error) => !error.message.includes('secret'),
    );
  });

  it('do not include data: URLs without data', async () => {
    for (const url of ['data:', 'data:audio/wav;base64', 'data:audio/wav;base64,$$$', 'data:;base64,', 'data:,']) {
      await assert.rejects(decode(url), { code: 'ERR_AUDIO_DECODE' });
    }
  });
});
