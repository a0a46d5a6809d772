'use strict';
// Checks the includes of native/: `npm run lint` calls it. Prints one line for each violation and exits with status 1.
//   - Our headers are included as "folder/file.h", relative to native/, and exist.
//   - A folder includes only itself and the folders that FOLDERS lists for it, which come before it: the order is one way.
//   - No unit, which is a header with its source file, depends on itself through other units.
//   - Only HEADER_OF_NODE includes Node-API's headers, and only binding/ and loader/ include that header.
const { readdirSync, readFileSync } = require('node:fs');
const path = require('node:path');

/** Each folder of native/, in order, with the folders that it may include. */
const FOLDERS = new Map([
  ['system', []],
  ['kernels', []],
  ['runtime', ['system']],
  ['archive', ['system', 'runtime']],
  ['operators', ['kernels']],
  ['graph', ['operators']],
  ['module', ['system', 'runtime', 'archive', 'operators', 'graph']],
  ['binding', ['system', 'runtime', 'archive', 'graph', 'module']],
  // The loader links nothing of libtorch.
  ['loader', ['system']],
  // The tests link neither Node nor libtorch.
  ['test', ['system', 'archive']],
]);
const HEADER_OF_NODE = 'binding/napi_setup.h';
const NODE_API = /^(napi|node_api|js_native_api|uv|v8)[\w-]*\.h$/;

const native = path.resolve(process.argv[2] ?? path.join(__dirname, '../native'));
const files = readdirSync(native, { recursive: true })
  .filter((name) => /\.(cc|h)$/.test(name))
  .sort();
const includes = new Map(files.map((file) => [file, read(file)]));
const problems = [...includes].flatMap(([file, found]) => found.flatMap((include) => check(file, include)));
problems.push(...[...FOLDERS.keys()].flatMap(disorder), ...cycles());

for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;

/** @returns {{ line: number, system: boolean, name: string }[]} */
function read(file) {
  const lines = readFileSync(path.join(native, file), 'utf8').split('\n');
  return lines.flatMap((text, index) => {
    const [, open, name] = /^\s*#\s*include\s*([<"])([^>"]+)[>"]/.exec(text) ?? [];
    return name === undefined ? [] : [{ line: index + 1, system: open === '<', name }];
  });
}

function check(file, { line, system, name }) {
  const at = `native/${file}:${line}:`;
  const [folder] = file.split('/');
  if (system) {
    const allowed = !NODE_API.test(name) || file === HEADER_OF_NODE;
    return allowed ? [] : [`${at} only ${HEADER_OF_NODE} may include <${name}>`];
  }
  if (!includes.has(name)) return [`${at} there is no native/${name}; includes are relative to native/`];
  const [target] = name.split('/');
  if (!FOLDERS.has(folder))
    return [`${at} the folder ${folder}/ is not in FOLDERS of scripts/check-native-includes.js`];
  if (name === HEADER_OF_NODE) {
    return ['binding', 'loader'].includes(folder) ? [] : [`${at} only binding/ and loader/ may use Node-API`];
  }
  return [folder, ...FOLDERS.get(folder)].includes(target) ? [] : [`${at} ${folder}/ must not include ${target}/`];
}

/** Folders that FOLDERS lists for one that comes before them. */
function disorder(folder) {
  const order = [...FOLDERS.keys()];
  return FOLDERS.get(folder)
    .filter((target) => !order.slice(0, order.indexOf(folder)).includes(target))
    .map((target) => `FOLDERS: ${folder} may include ${target}, which does not come before it`);
}

function cycles() {
  const unit = (file) => file.replace(/\.(cc|h)$/, '');
  const units = new Map(files.map((file) => [unit(file), new Set()]));
  for (const [file, found] of includes) {
    for (const { system, name } of found) {
      if (!system && unit(name) !== unit(file)) units.get(unit(file)).add(unit(name));
    }
  }
  const found = [];
  const done = new Set();
  const visit = (name, trail) => {
    if (trail.includes(name)) found.push(`Cycle: ${[...trail.slice(trail.indexOf(name)), name].join(' -> ')}`);
    if (trail.includes(name) || done.has(name)) return;
    for (const target of units.get(name) ?? []) visit(target, [...trail, name]);
    done.add(name);
  };
  for (const name of units.keys()) visit(name, []);
  return found;
}
