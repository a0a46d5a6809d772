'use strict';
// binding.gyp runs this script inside node-gyp. It builds the addon as `emotion2vec setup` does, into build/Release.
const { prepare } = require('../dist/cli/setup.js');

prepare().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
