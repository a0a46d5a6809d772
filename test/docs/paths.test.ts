/** Pointers in documents and comments: the files that they name exist, and nothing points to one machine. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { root } from '../support/paths.js';

const FOLDERS = [
  'lib',
  'native',
  'docs',
  'test',
  'scripts',
  'models',
  'web',
  'fuzz',
  'bench',
  'bin',
  'examples',
  '.ci',
];
const IGNORED = /(^|\/)(node_modules|build|dist|prebuilds|fixtures|seeds|__pycache__|\.git|\.vitepress)$/;
const SOURCE = /\.(ts|tsx|js|mjs|cjs|cc|h|py|sh)$|(^|\/)(CMakeLists\.txt|\.ci\/run)$/;

/** Names of headers and files that belong to others. */
const FOREIGN = new Set(['napi.h', 'node_api.h', 'cuda.h', 'nvml.h', 'pickletools.py', 'version.py']);
/** Placeholders. */
const EXAMPLES = /NAME|TARGET/;

const files = filesIn('.');
const documents = files.filter((file) => file.endsWith('.md'));
const sources = files.filter((file) => SOURCE.test(file));
const basenames = new Set(files.map((file) => path.basename(file)));
const textOf = (file: string): string => readFileSync(path.join(root, file), 'utf8');

function filesIn(folder: string): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = path.posix.join(folder, entry.name);
    if (IGNORED.test(name)) return [];
    return entry.isDirectory() ? filesIn(name) : entry.isFile() ? [name] : [];
  });
}

/** The comments of a source file. Strings that contain `//` or `#` may be among them. */
function commentsOf(file: string): string {
  const text = textOf(file);
  const pattern = /\.(py|sh)$|\.txt$|run$/.test(file) ? /#.*$|"""[^]*?"""/gm : /\/\*[^]*?\*\/|\/\/.*$/gm;
  return [...text.matchAll(pattern)].map(([comment]) => comment).join('\n');
}

/** Paths from the root of the repository that are not there, and names of files that no folder has. */
function missing(text: string): string[] {
  const folders = FOLDERS.map((name) => name.replace('.', '\\.')).join('|');
  const paths = [...text.matchAll(new RegExp(`(?<![\\w./@-])(?:${folders})/[\\w./-]*[\\w]`, 'g'))]
    .map(([found]) => found)
    .filter((found) => /\.\w+$/.test(found) || text.includes(`\`${found}\``) || text.includes(`\`${found}/\``))
    .filter((found) => !EXAMPLES.test(found) && !existsSync(path.join(root, found)));
  const names = [...text.matchAll(/(?<![\w./@*-])[\w-]+\.(?:ts|tsx|cc|h|py)\b(?!\.)/g)]
    .map(([found]) => found)
    .filter((found) => !FOREIGN.has(found) && !EXAMPLES.test(found) && !basenames.has(found));
  return [...paths, ...names];
}

describe('pointers in documents and comments', () => {
  it('name files that exist', () => {
    const stale = [
      ...documents.flatMap((file) => missing(textOf(file)).map((found) => `${file}: ${found}`)),
      ...sources.flatMap((file) => missing(commentsOf(file)).map((found) => `${file}: ${found}`)),
      // Messages name documents, too.
      ...sources
        .filter((file) => /^(lib|web|native)\//.test(file))
        .flatMap((file) => [...textOf(file).matchAll(/\bdocs\/[\w/-]+\.md\b/g)].map(([found]) => ({ file, found })))
        .filter(({ found }) => !existsSync(path.join(root, found)))
        .map(({ file, found }) => `${file}: ${found}`),
    ];
    assert.deepEqual([...new Set(stale)], []);
  });

  it('do not refer to design documents that are not here', () => {
    const texts = [...documents.map(textOf), ...sources.map(commentsOf)];
    const stale = texts.flatMap((text) => [...text.matchAll(/\bdesign(\.md| \d+)/g)].map(([found]) => found));
    assert.deepEqual(stale, []);
  });

  it('do not contain paths of one machine', () => {
    const stale = documents.flatMap((file) =>
      [...textOf(file).matchAll(/(?<![\w.~])\/(?:root|tmp|work|home\/\w+)\/[\w./-]+/g)]
        .map(([found]) => found)
        .filter((found) => found !== '/root/run.sh') // of the Emotion2Vec+ Large WebUI
        .map((found) => `${file}: ${found}`),
    );
    assert.deepEqual(stale, []);
  });
});

describe('links in documents', () => {
  /** The anchors of a page, as GitHub and VitePress make them from its headings. */
  const anchorsOf = (file: string): Set<string> => {
    const text = textOf(file).replace(/^```[^]*?^```/gm, '');
    const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      heading!
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    );
    const ids = [...text.matchAll(/<a id="([^"]+)"/g)].map(([, id]) => id!);
    return new Set([...headings, ...ids]);
  };

  it('lead to files and headings that exist', () => {
    const dead = documents.flatMap((file) =>
      [...textOf(file).matchAll(/\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)/g)]
        .filter(([, target, anchor]) => {
          const page = target === '' ? file : path.posix.join(path.posix.dirname(file), decodeURI(target!));
          if (!existsSync(path.join(root, page))) return true;
          return anchor !== undefined && page.endsWith('.md') && !anchorsOf(page).has(anchor);
        })
        .map(([link]) => `${file}: ${link}`),
    );
    assert.deepEqual(dead, []);
  });
});
