'use strict';
const { writeFileSync } = require('node:fs');
const { reporters } = require('mocha');

/**
 * Mocha's spec reporter; leaves the counts, and what failed and why, as JSON in the file that MOCHA_COUNTS names, for .ci/run:
 * the end of a long log is all that some people see.
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
