// The client of the protocol that main.js describes.
'use strict';
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const readline = require('node:readline');

/** A contestant's process. */
class ContestantProcess {
  constructor({ name, adapter, python, options }) {
    this.name = name;
    const main = path.join(__dirname, python ? `${adapter}.py` : 'main.js');
    const args = [main, ...(python ? [] : [adapter]), JSON.stringify(options)];
    this.child = spawn(python ?? process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = readline.createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
    this.child.stdin.on('error', () => {}); // if the process has ended, #answer reports it
    /** Resolves with { loadMs, version } once the contestant is loaded. */
    this.ready = this.#answer();
  }

  /** Sends a request. Answers arrive in the order of the requests, after `ready`. */
  ask(request) {
    this.child.stdin.write(`${JSON.stringify(request)}\n`);
    return this.#answer();
  }

  async close() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill();
    await once(this.child, 'exit');
  }

  async #answer() {
    const { value, done } = await this.lines.next();
    if (done) throw new Error(`${this.name} ended without an answer`);
    const answer = JSON.parse(value);
    if (answer.error) throw Object.assign(new Error(`${this.name}: ${answer.error}`), { code: answer.code });
    return answer;
  }
}

module.exports = { ContestantProcess };
