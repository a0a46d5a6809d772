import assert from 'node:assert/strict';
import path from 'node:path';

import { decodeAudio } from '../../lib/audio/decode.js';
import { type AudioInput, EmotionError, EmotionRecognizer } from '../../lib/index.js';
import { printable, shown, withoutPaths } from '../../lib/shared/text.js';
import { runCli } from '../support/run.js';

/** A text that can be recognized in a message. */
const LONG = 'Ж'.repeat(100_000);

/** Asserts that a message is one line and repeats at most `limit` characters of the text. */
function assertBrief(message: string, what: string, limit = 200): void {
  const repeated = message.split('Ж').length - 1;
  assert.ok(repeated <= limit, `${what} repeats ${repeated} characters`);
  assert.ok(message.length <= 800, `${what}: ${message.length} characters`);
  assert.ok(!message.includes('\n'), `${what} has several lines`);
}

describe('text that messages repeat', () => {
  it('is shortened in the middle, on one line, and without control characters', () => {
    assert.equal(shown('a.wav'), 'a.wav');
    assert.equal(shown('x'.repeat(200)), 'x'.repeat(200));
    assert.equal(shown(`begin${LONG}end`).length, 200);
    assert.match(shown(`begin${LONG}end`), /^beginЖ+…Ж+end$/);
    assert.ok(shown('\n'.repeat(1000)).length <= 200);
    assert.equal(
      printable('a\nb\r\t\u0000\u001b[31m\u202e\u2028\u009b\ud800z'),
      'a\\nb\\r\\t\\u0000\\u001b[31m\\u202e\\u2028\\u009b\\ud800z',
    );
    assert.equal(shown('grün 🎵 情感'), 'grün 🎵 情感');
    assert.doesNotMatch(shown('🎵'.repeat(300)), /\p{Surrogate}/u);
  });

  it('does not include paths of the installation', () => {
    const there = path.resolve(__dirname, '../../lib/audio/workers/decode-worker.js');
    const beside = '/srv/my app/node_modules/@audio/decode/index.js';
    const messages: [string, string][] = [
      [
        `Cannot find module '${there}'\nRequire stack:\n- ${there}`,
        "Cannot find module 'lib/audio/workers/decode-worker.js'",
      ],
      [
        `Cannot find package 'x' imported from ${beside}`,
        "Cannot find package 'x' imported from @audio/decode/index.js",
      ],
      [`failed at file://${beside}:3`, 'failed at @audio/decode/index.js:3'],
    ];
    for (const [message, expected] of messages) assert.equal(withoutPaths(message), expected);
  });

  it('is limited in any error', () => {
    const { message, what } = new EmotionError('ERR_CLOSED', `a${LONG}z`);
    assert.ok(message.length < 1200 && what.length <= 1000);
  });

  it('is limited for any input', async () => {
    const inputs: [string, unknown, string?][] = [
      ['a path', LONG],
      ['a path with folders', `/${'Ж/'.repeat(10_000)}a.wav`],
      ['a path of lines', '\n'.repeat(5000)],
      ['a URL', `https://example.org/${LONG}`],
      ['a file URL', new URL(`file:///${LONG}`)],
      ['a file URL of a host', new URL(`file://example.org/${LONG}`)],
      ['a data: URL', `data:audio/wav;base64,${LONG}`],
      ['a data: URL without audio', `data:,${LONG}`],
      ['a data: URL without a comma', `data:${LONG}`],
      ['bytes with a name', Buffer.from(LONG), LONG],
      ['a stream with a name', [Buffer.from(LONG)], `${LONG}\n`],
      ['chunks of text', [LONG]],
      ['a rate', { samples: new Float32Array(1), sampleRate: LONG }],
      ['samples', { samples: LONG, sampleRate: 1 }],
      ['no samples, with a name', { samples: new Float32Array(0), sampleRate: 1 }, LONG],
      ['a class', new { [LONG]: class {} }[LONG]!()],
      ['an error of a stream', { [Symbol.iterator]: () => ({ next: () => assert.fail(LONG) }) }],
    ];
    for (const [what, input, name] of inputs) {
      const error: unknown = await decodeAudio(input as AudioInput, { name }).then(
        () => assert.fail(what),
        (thrown: unknown) => thrown,
      );
      assert.ok(error instanceof EmotionError || error instanceof TypeError, `${what}: ${String(error)}`);
      assertBrief(error.message, what);
    }
  });

  it('is limited for any option', async () => {
    const recognizer = new EmotionRecognizer({ model: LONG });
    const options: Record<string, unknown>[] = [
      { granularity: LONG },
      { window: LONG },
      { [LONG]: 1 },
      Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`Ж${i}`, 1])),
      { timeline: { [LONG]: 1 } },
      { whenFull: { toString: () => LONG } },
      { priority: LONG },
      { name: [LONG] },
    ];
    for (const each of options) {
      const call = recognizer.recognize('a.wav', each);
      const error: unknown = await call.catch((thrown: unknown) => thrown);
      assert.ok(error instanceof TypeError);
      assertBrief(error.message, Object.keys(each)[0]!.slice(0, 20));
    }
    const error: unknown = await recognizer.recognize('a.wav').catch((thrown: unknown) => thrown);
    assert.equal((error as EmotionError).code, 'ERR_MODEL_NOT_FOUND');
    assertBrief((error as EmotionError).message, 'model');
    for (const wrong of [{ device: LONG }, { precision: LONG }, { [LONG]: 1 }]) {
      assert.throws(
        () => new EmotionRecognizer(wrong as never),
        (thrown: Error) => {
          assertBrief(thrown.message, Object.keys(wrong)[0]!.slice(0, 20));
          return thrown instanceof TypeError;
        },
      );
    }
  });

  it('is limited on the command line', async () => {
    const long = 'Ж'.repeat(20_000); // the system limits an argument to 128 KiB
    const lines = [
      ['--format', long],
      [long, `https://${long}`, `${long}*`, `file:///${long}`],
    ];
    await Promise.all(
      lines.map(async (args) => {
        const { stderr, status } = await runCli(['recognize', ...args]);
        assert.notEqual(status, 0);
        // A line begins with the name of the clip, which the message may repeat.
        for (const line of stderr.trim().split('\n')) assertBrief(line, args[0]!.slice(0, 20), 400);
      }),
    );
  });
});
