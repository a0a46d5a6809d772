// The contestants. Those with the same `kind` are compared with each other, where our time counts as 1. `model` is the name of an
// input of prepare.js.
'use strict';

const ours = (precision, model) => ({
  name: `emotion2vec-node ${precision}`,
  kind: precision,
  ours: true,
  adapter: 'ours',
  model,
  options: { precision },
  concurrent: true,
});

const onnxruntime = (kind, model) => ({
  name: `onnxruntime-node ${kind}`,
  kind,
  ours: false,
  adapter: 'onnxruntime',
  model,
  options: {},
  concurrent: true,
});

const funasr = {
  name: 'FunASR eager fp32',
  kind: 'fp32',
  ours: false,
  adapter: 'eager',
  model: 'checkpoint',
  options: {},
  concurrent: false,
};

/** Returns the contestants with the paths of their models, which are made if they do not exist. */
async function contestants(inputs, { quick, threads, python, reference, size }) {
  const all = [
    ours('fp32', 'fp32'),
    onnxruntime('fp32', 'onnx'),
    ...(quick ? [] : [{ ...funasr, python, options: { reference, size } }]),
    ours('bf16', 'fp32'),
    ours('int8', 'int8'),
    onnxruntime('int8', 'onnxInt8'),
  ];
  for (const contestant of all) {
    contestant.options = { ...contestant.options, threads, model: await inputs.need(contestant.model) };
  }
  return all;
}

module.exports = { contestants };
