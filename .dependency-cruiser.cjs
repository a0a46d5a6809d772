/**
 * Data flows one way through the folders of lib/: each may import from those above it in this list, never from those below.
 * Imports of types count too. ARCHITECTURE.md shows the same order as a picture.
 */
const ORDER = [
  'vendor', // third-party libraries, as they are bundled
  'shared', // errors, text, files, processes: what every folder may use
  'options',
  'archive',
  'libtorch',
  'native',
  'device',
  'torch',
  'audio',
  'model',
  'checkpoint',
  'scheduler',
  'recognition',
  'output',
  'evaluation',
  'server|doctor', // neither may import from the other
  'cli',
];

const below = ORDER.slice(1).map((folder, i) => ({
  name: `no-import-from-below-${ORDER[i]}`,
  comment: `lib/${ORDER[i]} must not import from a folder that comes after it.`,
  severity: 'error',
  from: { path: `^lib/(${ORDER[i]})/` },
  to: { path: `^lib/(${ORDER.slice(i + 1).join('|')})/` },
}));

module.exports = {
  forbidden: [
    ...below,
    {
      name: 'siblings',
      comment: 'The server and the doctor do not know each other.',
      severity: 'error',
      from: { path: '^lib/(server|doctor)/' },
      to: { path: '^lib/(server|doctor)/', pathNot: '^lib/$1/' },
    },
    {
      name: 'known-folders',
      comment: 'A new folder of lib/ takes its place in ORDER. The root of lib/ holds the public modules only.',
      severity: 'error',
      from: { path: '^lib/', pathNot: `^lib/(${ORDER.join('|')})/|^lib/(index|torch|fastify)\\.ts$` },
      to: {},
    },
    {
      name: 'public-modules-are-the-top',
      comment: 'What the public modules export is defined in a folder; nothing imports the public modules.',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: '^lib/(index|torch|fastify)\\.ts$' },
    },
    {
      name: 'server-packages-through-vendor',
      comment: 'Packages that lib/vendor does not bundle would have to be installed by every user of the library.',
      severity: 'error',
      from: { path: '^lib/server/' },
      to: { path: 'node_modules/' },
    },
    {
      name: 'fastify-types-only',
      comment: 'The public typing of the plugin is that of Fastify; anything else comes through lib/vendor.',
      severity: 'error',
      from: { path: '^lib/fastify\\.ts$' },
      to: { path: 'node_modules/(?!fastify/)' },
    },
    {
      name: 'fastify-at-run-time-through-vendor',
      comment: 'Fastify is an import of types alone, which the compiler leaves out.',
      severity: 'error',
      from: { path: '^lib/fastify\\.ts$' },
      to: { path: 'node_modules/fastify/', dependencyTypesNot: ['type-only'] },
    },
    { name: 'no-circular', severity: 'error', from: { path: '^(lib|web/src|fuzz)/' }, to: { circular: true } },
    {
      name: 'not-to-tests',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: '^(test|fuzz|bench|web)/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true, // imports of types, which the compiler leaves out
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|build)/' },
  },
};
