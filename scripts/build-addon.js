'use strict';
// What binding.gyp runs inside node-gyp: the same build as `emotion2vec setup`, into build/Release.
const { prepare } = require('../dist/cli/setup.js');

prepare().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
