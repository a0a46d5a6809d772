// onnxruntime-node on FunASR's ONNX export.
'use strict';
const { InferenceSession, Tensor } = require('onnxruntime-node');
const { version } = require('onnxruntime-node/package.json');

exports.load = async ({ model, threads }) => {
  const session = await InferenceSession.create(model, { intraOpNumThreads: threads });
  return {
    version: `onnxruntime-node ${version}`,
    run: (samples) => session.run({ waveform: new Tensor('float32', samples, [1, samples.length]) }, ['logits']),
  };
};
