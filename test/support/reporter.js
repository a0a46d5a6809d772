'use strict';
const { writeFileSync } = require('node:fs');
const { reporters } = require('mocha');

/** Milliseconds for which the process may go on after the last test. */
const GRACE_MS = 20_000;

/**
 * Mocha's spec reporter. It also writes the counts and the failures as JSON to the file that MOCHA_COUNTS names. .ci/run prints
 * them at its end, because some readers see only the end of a long log. A process that does not end by itself after its tests,
 * because a handle or a child process was left open, is ended with status 1.
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
      setTimeout(endProcess, GRACE_MS).unref(); // does not keep the process alive itself
    });
  }
};

function endProcess() {
  console.error(`The process did not end after its tests. Open: ${process.getActiveResourcesInfo().join(', ')}`);
  process.once('exit', () => (process.exitCode = 1)); // after mocha's listener, which sets the status too
  process.exit();
}
