// Recognizes live audio: 16-bit mono samples at 16 kHz from standard input, or from the microphone through arecord (alsa-utils).
// Usage: node examples/microphone.mjs, or: ffmpeg -i call.wav -f s16le -ac 1 -ar 16000 - | node examples/microphone.mjs
import { spawn } from 'node:child_process';

import { EmotionRecognizer } from 'emotion2vec-node';

const recognizer = new EmotionRecognizer();
await recognizer.warmUp();

// A microphone does not wait, so windows that are late are skipped. A file or a pipe can wait.
const isLive = process.stdin.isTTY === true;
const stream = isLive ? record() : process.stdin;
const options = { sampleRate: 16_000, window: 3, hop: 1, whenBehind: isLive ? 'skip' : 'wait' };

for await (const { start, end, emotion, confidence, skipped } of recognizer.recognizeStream(stream, options)) {
  const late = skipped > 0 ? `, ${skipped} windows skipped` : '';
  console.log(`${start.toFixed(1)} to ${end.toFixed(1)} s: ${emotion} (${(100 * confidence).toFixed(1)}%)${late}`);
}
await recognizer.close();

function record() {
  const args = ['-q', '-t', 'raw', '-f', 'S16_LE', '-r', '16000', '-c', '1'];
  const { stdout } = spawn('arecord', args, { stdio: ['ignore', 'pipe', 'inherit'] }).on('error', (error) => {
    console.error(`The microphone cannot be opened: ${error.message}`);
    process.exit(1);
  });
  return stdout;
}
