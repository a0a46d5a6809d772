// emotion2vec-node by its public class, which loads the model for the first clip.
'use strict';
const { EmotionRecognizer } = require('../../dist/index.js');
const { LIBTORCH_VERSION } = require('../../dist/libtorch/pin.js');
const { version } = require('../../package.json');

exports.load = async ({ model, precision, threads }) => {
  const recognizer = new EmotionRecognizer({ model, precision, threads, device: 'cpu' });
  return {
    version: `emotion2vec-node ${version} (libtorch ${LIBTORCH_VERSION})`,
    run: (samples) => recognizer.recognize({ samples, sampleRate: 16000 }, { window: 'off' }),
  };
};
