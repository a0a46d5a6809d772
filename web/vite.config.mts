import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  base: './', // wherever a proxy puts it
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0, // nothing is inlined: the content security policy takes no data: but images
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/api': 'http://127.0.0.1:7860' } },
});
