// Times emotion2vec-node on clips of noise: a line with a number of seconds in, a line with milliseconds out.
'use strict';
const readline = require('node:readline');
const { EmotionModel } = require('../../dist/model/emotion-model.js');

async function main(archive) {
  const model = await EmotionModel.load(archive, { threads: 2 });
  console.log('ready');
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const samples = Float32Array.from({ length: Number(line) * 16000 }, () => Math.random() - 0.5);
    const begin = performance.now();
    await model.run({ samples, sampleRate: 16000 }, { frameLogits: false, features: false });
    console.log(performance.now() - begin);
  }
}

void main(process.argv[2]);
