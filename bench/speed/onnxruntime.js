// Times onnxruntime-node on clips of noise: a line with a number of seconds in, a line with milliseconds out.
'use strict';
const readline = require('node:readline');
const { InferenceSession, Tensor } = require('onnxruntime-node');

async function main(file) {
  const session = await InferenceSession.create(file, { intraOpNumThreads: 2 });
  console.log('ready');
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const samples = Float32Array.from({ length: Number(line) * 16000 }, () => Math.random() - 0.5);
    const begin = performance.now();
    await session.run({ waveform: new Tensor('float32', samples, [1, samples.length]) }, ['logits']);
    console.log(performance.now() - begin);
  }
}

void main(process.argv[2]);
