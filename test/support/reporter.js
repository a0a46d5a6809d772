'use strict';
const { writeFileSync } = require('node:fs');
const { reporters } = require('mocha');

/**
 * Mocha's spec reporter. It also writes the counts and the failures as JSON to the file that MOCHA_COUNTS names. .ci/run prints
 * them at its end, because some readers see only the end of a long log.
 */
module.exports = class CountingReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const failed = [];
    runner.on('fail', (test, error) =>
      failed.push(`${test.fullTitle()}: ${String(error?.stack ?? error).slice(0, 2000)}`),
    );
    runner.once('end', () => {
      const { passes, failures, pending } = runner.stats;
      if (process.env.MOCHA_COUNTS)
        writeFileSync(process.env.MOCHA_COUNTS, JSON.stringify({ passes, failures, pending, failed }));
    });
  }
};
