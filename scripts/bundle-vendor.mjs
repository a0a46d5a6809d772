/**
 * Bundles third-party code that only parts of the package need, so that a user does not have to install it: zod without its
 * locales, the server's packages, cmake-js. tsc compiles lib/vendor/*.ts to plain re-exports; this script replaces them in
 * dist/vendor by bundles with common chunks (a schema made with vendor/zod must be one that the server's validator knows),
 * and writes the license texts of everything that was bundled beside them.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), '..');
const sources = path.join(root, 'lib/vendor');
const out = path.join(root, 'dist/vendor');

/** Packages that stay dependencies: they are found by their place on the disk. */
const EXTERNAL = ['node-api-headers', 'node-addon-api', 'nan'];
/** Licenses that may be bundled into a package under the MIT license. */
const ALLOWED = /^(MIT|ISC|BSD-2-Clause|BSD-3-Clause|Apache-2\.0|0BSD|BlueOak-1\.0\.0|Unlicense|MIT-0|CC0-1\.0)$/;

const entries = readdirSync(sources).filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'));
for (const name of readdirSync(out)) if (!name.endsWith('.d.ts')) rmSync(path.join(out, name), { recursive: true });

const bundle = await rolldown({
  input: Object.fromEntries(entries.map((name) => [path.basename(name, '.ts'), path.join(sources, name)])),
  platform: 'node',
  external: [...builtinModules, /^node:/, ...EXTERNAL],
  resolve: { conditionNames: ['require', 'node', 'default'], mainFields: ['main'] },
  transform: { target: 'node20' },
  logLevel: 'warn',
  checks: { commonJsVariableInEsm: false, eval: false },
});
const { output } = await bundle.write({
  dir: out,
  format: 'cjs',
  exports: 'named',
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
});

const packages = new Map();
for (const chunk of output) for (const id of chunk.moduleIds ?? []) addPackage(id);
writeFileSync(path.join(out, 'LICENSES.txt'), licenses());
const bytes = output.reduce((sum, { code, source }) => sum + (code ?? source ?? '').length, 0);
console.log(`dist/vendor: ${packages.size} packages in ${output.length} files, ${Math.round(bytes / 1000)} kB`);

/** The package that a bundled file belongs to. Code of rolldown's own has an id that is no path. */
function addPackage(id) {
  const folder = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id.replace(/^\0/, ''))?.[1];
  if (folder === undefined || packages.has(folder)) return;
  packages.set(folder, JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')));
}

function licenses() {
  const parts = [...packages].map(([folder, { name, version, license }]) => {
    if (
      !license
        .replace(/[()]/g, '')
        .split(' OR ')
        .some((each) => ALLOWED.test(each))
    )
      throw new Error(`${name} ${version} has the license ${license}, which is not in ALLOWED`);
    const file = readdirSync(folder).find(
      (each) => /^(license|licence|copying)/i.test(each) && existsSync(path.join(folder, each)),
    );
    const text = file === undefined ? `License: ${license}` : readFileSync(path.join(folder, file), 'utf8').trim();
    return { title: `${name} ${version} (${license})`, text };
  });
  parts.sort((a, b) => a.title.localeCompare(b.title));
  const intro = 'The files in this folder contain code of these packages.\n';
  return [intro, ...parts.map(({ title, text }) => `${'='.repeat(78)}\n${title}\n${'='.repeat(78)}\n${text}\n`)].join(
    '\n',
  );
}
