import path from 'node:path';
import { defineConfig } from 'vite';

const root = import.meta.dirname;

export default defineConfig({
  root,
  base: './', // a proxy may mount the page under any path
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0, // the content security policy allows data: URLs for images only
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ['index.html', 'docs.html'].map((file) => path.join(root, file)) },
  },
  server: { proxy: { '/api': 'http://127.0.0.1:7860', '/openapi.json': 'http://127.0.0.1:7860' } },
});
