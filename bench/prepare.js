// Makes the inputs of the benchmark once: clips, and the same seeded weights as FunASR's checkpoint, as our archives and as ONNX.
'use strict';
const { execFileSync } = require('node:child_process');
const { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const root = path.join(__dirname, '..');
const SEED = '7';
const RATE = 16000;

class Inputs {
  constructor({ folder, size, python, reference }) {
    this.folder = folder;
    this.python = python;
    this.recipes = recipes(this, size, path.join(reference, 'funasr_reference.py'));
    mkdirSync(folder, { recursive: true });
  }

  /** Returns the path of an input, which exists only once it is complete. */
  async need(what) {
    const [name, make] = this.recipes[what];
    const file = path.join(this.folder, name);
    if (existsSync(file)) return file;
    process.stderr.write(`making ${path.relative('', file)}\n`);
    const folder = path.join(this.folder, `part-${what}`);
    const part = path.join(folder, name);
    mkdirSync(path.dirname(part), { recursive: true });
    await make(part);
    mkdirSync(path.dirname(file), { recursive: true });
    renameSync(part, file);
    rmSync(folder, { recursive: true });
    return file;
  }

  /** Returns the path of a clip with `seconds` of speech. */
  async clip(seconds) {
    const file = path.join(this.folder, `clip-${seconds}s.f32`);
    if (!existsSync(file)) {
      this.speech ??= await speech();
      const samples = Float32Array.from({ length: seconds * RATE }, (_, i) => this.speech[i % this.speech.length]);
      writeFileSync(file, samples);
    }
    return file;
  }

  runPython(...args) {
    if (!existsSync(this.python)) {
      throw new Error(`Python was not found at ${this.python}; see bench/run.js --help`);
    }
    run(this.python, ...args);
  }
}

/** Returns the file name of each input, and a function that makes it. */
function recipes(inputs, size, reference) {
  return {
    checkpoint: [
      `${size}-checkpoint/model.pt`,
      (part) => {
        inputs.runPython(reference, 'checkpoint', size, SEED, part);
        const tokens = path.join(inputs.folder, `${size}-checkpoint`, 'tokens.txt');
        mkdirSync(path.dirname(tokens), { recursive: true });
        renameSync(path.join(path.dirname(part), 'tokens.txt'), tokens);
      },
    ],
    fp32: [
      `${size}.pt`,
      async (part) => {
        const checkpoint = path.dirname(await inputs.need('checkpoint'));
        run(process.execPath, path.join(root, 'bin/emotion2vec.js'), 'import', checkpoint, '-o', part);
      },
    ],
    int8: [`${size}-int8.pt`, async (part) => quantize(await inputs.need('fp32'), part)],
    onnx: [`${size}.onnx`, (part) => inputs.runPython(reference, 'onnx', size, SEED, part)],
    onnxInt8: [
      `${size}-int8.onnx`,
      async (part) => inputs.runPython(path.join(__dirname, 'quantize.py'), await inputs.need('onnx'), part),
    ],
  };
}

/** Runs a program, whose output goes to stderr as progress. */
function run(command, ...args) {
  execFileSync(command, args, { stdio: ['ignore', process.stderr, 'inherit'] });
}

async function quantize(archive, output) {
  const { TorchModule } = require('../dist/torch.js');
  const module = await TorchModule.load(archive, { precision: 'fp32' });
  await module.quantize();
  await module.save(output);
  module.dispose();
}

async function speech() {
  const { EmotionRecognizer } = require('../dist/index.js');
  const recognizer = new EmotionRecognizer();
  const file = path.join(root, 'test/fixtures/speech.wav');
  const { processedAudio } = await recognizer.recognize(file, { processedAudio: true });
  await recognizer.close();
  return processedAudio.samples;
}

module.exports = { Inputs };
