// Describes the machine of a measurement in one line.
'use strict';
const { readFileSync } = require('node:fs');
const os = require('node:os');

/** The instruction sets that matter for speed. */
const EXTENSIONS = ['avx2', 'avx512f', 'avx512_vnni', 'avx_vnni', 'avx512_bf16', 'amx_bf16', 'amx_int8'];

function machine() {
  const cpus = os.cpus();
  const flags = new Set(/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))[1].split(' '));
  const extensions = EXTENSIONS.filter((flag) => flags.has(flag)).join(' ');
  const memory = `${Math.round(os.totalmem() / 2 ** 30)} GiB`;
  const date = new Date().toISOString().slice(0, 10);
  return `${cpus[0].model.trim()} (${extensions}), ${cpus.length} cores, ${memory}, Node ${process.versions.node}, ${date}`;
}

module.exports = { machine };
