import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

import { EmotionError } from '../errors.js';
import { LIBTORCH_VERSION } from './pin.js';

export interface Libtorch {
  /** The folder that holds torch/ (headers in torch/include, libraries in torch/lib). */
  root: string;
  libDir: string;
  version: string;
  source: 'LIBTORCH' | 'cache' | 'python';
  /** Libraries to open before libc10, absolute. */
  preload: string[];
}

type Environment = Record<string, string | undefined>;

/** Where everything that is fetched lives: $EMOTION2VEC_CACHE, else the user's cache folder. */
export function cacheFolder(env: Environment = process.env): string {
  if (env.EMOTION2VEC_CACHE) return path.resolve(env.EMOTION2VEC_CACHE);
  return path.join(env.XDG_CACHE_HOME || path.join(env.HOME || homedir(), '.cache'), 'emotion2vec-node');
}

/** The folder of the pinned libtorch inside the cache. */
export function cachedLibtorch(env: Environment = process.env): string {
  return path.join(cacheFolder(env), `libtorch-${LIBTORCH_VERSION}`);
}

/**
 * The libtorch to use, first hit wins: LIBTORCH, the cache, an installed Python torch of the pinned version.
 * @throws EmotionError ERR_LIBTORCH_MISSING when LIBTORCH names something else than the pinned version
 */
export function locateLibtorch(env: Environment = process.env): Libtorch | undefined {
  if (env.LIBTORCH) return fromVariable(env.LIBTORCH);
  return inspect(cachedLibtorch(env), 'cache') ?? fromPython(env);
}

function fromVariable(value: string): Libtorch {
  const root = [value, path.dirname(path.resolve(value))].find((folder) =>
    existsSync(path.join(folder, 'torch/lib/libtorch_cpu.so')),
  );
  const found = root === undefined ? undefined : inspect(path.resolve(root), 'LIBTORCH');
  if (found?.version === LIBTORCH_VERSION) return found;
  // Another version's libraries load and then end the process by std::terminate: refuse before that.
  const what = found === undefined ? 'no torch/lib/libtorch_cpu.so' : `version ${found.version}`;
  throw new EmotionError(
    'ERR_LIBTORCH_MISSING',
    `LIBTORCH is ${value}, which holds ${what}; ${LIBTORCH_VERSION} is needed`,
    {
      remedy: 'Correct LIBTORCH, or unset it and run `npx emotion2vec setup`.',
    },
  );
}

/** What lies under `root`, or undefined when that is not a whole libtorch. */
function inspect(root: string, source: Libtorch['source']): Libtorch | undefined {
  const libDir = path.join(root, 'torch/lib');
  if (!existsSync(path.join(libDir, 'libtorch_cpu.so')) || !existsSync(path.join(libDir, 'libc10.so')))
    return undefined;
  const gomp = path.join(libDir, 'libgomp.so.1');
  return { root, libDir, version: versionOf(root), source, preload: existsSync(gomp) ? [gomp] : [] };
}

function versionOf(root: string): string {
  const file = path.join(root, 'torch/version.py');
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return /__version__\s*=\s*'([^'+]+)/.exec(text)?.[1] ?? 'unknown';
}

const PROBE = `import importlib.util as u, os
s = u.find_spec("torch")
print(os.path.dirname(os.path.dirname(s.origin)) if s and s.origin else "")`;

/** Asking Python takes a tenth of a second, so a torch that was found is remembered in the cache. */
function fromPython(env: Environment): Libtorch | undefined {
  const note = path.join(cacheFolder(env), 'python-torch');
  const remembered = existsSync(note) ? usable(readFileSync(note, 'utf8')) : undefined;
  if (remembered !== undefined) return remembered;
  let answer: string;
  try {
    answer = execFileSync('python3', ['-c', PROBE], {
      encoding: 'utf8',
      timeout: 10_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined; // no Python here: one source less
  }
  const found = answer === '' ? undefined : usable(answer);
  if (found !== undefined) {
    try {
      mkdirSync(path.dirname(note), { recursive: true });
      writeFileSync(note, found.root);
    } catch {
      // A cache that cannot be written: Python is asked again next time.
    }
  }
  return found;
}

function usable(root: string): Libtorch | undefined {
  const found = inspect(root, 'python');
  return found?.version === LIBTORCH_VERSION && existsSync(path.join(root, 'torch/include')) ? found : undefined;
}
