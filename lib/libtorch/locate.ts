import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

import { EmotionError } from '../shared/errors.js';
import { CPU_SET, CUDA_SET, LIBTORCH_VERSION, type LibtorchSet } from './pin.js';
import { shown } from '../shared/text.js';

export interface Libtorch {
  /** The folder that holds torch/ (headers in torch/include, libraries in torch/lib). */
  root: string;
  libDir: string;
  version: string;
  source: 'LIBTORCH' | 'cache' | 'python';
  /** Libraries to open before libc10, absolute. */
  preload: string[];
  /** Whether its CUDA part lies beside the CPU's. */
  cuda: boolean;
  /** That it is made for, such as 13.0, whether or not the CUDA part is there; undefined for one that is made without. */
  cudaVersion: string | undefined;
}

export type Environment = Record<string, string | undefined>;

/**
 * Where everything that is fetched lives: $EMOTION2VEC_CACHE, else the user's cache folder.
 * @throws EmotionError ERR_LIBTORCH_MISSING for a user without any
 */
export function cacheFolder(env: Environment = process.env): string {
  if (env.EMOTION2VEC_CACHE) return path.resolve(env.EMOTION2VEC_CACHE);
  return path.join(env.XDG_CACHE_HOME || path.join(env.HOME || home(), '.cache'), 'emotion2vec-node');
}

function home(): string {
  try {
    return homedir();
  } catch (cause) {
    throw new EmotionError('ERR_LIBTORCH_MISSING', 'This user has no home folder, where libtorch would lie', {
      cause,
      remedy: 'Set HOME, EMOTION2VEC_CACHE or LIBTORCH.',
    });
  }
}

/** What to do about a libtorch that is not whole: `setup` takes what is there for it. */
export function mendRemedy({ root, source }: Pick<Libtorch, 'root' | 'source'>): string {
  switch (source) {
    case 'cache':
      return `Remove ${root} and run \`npx emotion2vec setup\`.`;
    case 'LIBTORCH':
      return 'Set LIBTORCH to a whole libtorch, which keeps its layout (torch/lib, nvidia/cu13/lib), or unset it and run `npx emotion2vec setup`.';
    case 'python':
      return `Install it again: \`pip install --force-reinstall torch==${LIBTORCH_VERSION}\`.`;
  }
}

/** The folder of the pinned libtorch inside the cache. */
export function cachedLibtorch(env: Environment = process.env, set: LibtorchSet = CPU_SET): string {
  return path.join(cacheFolder(env), set.folder);
}

/**
 * The libtorch to use, first hit wins: LIBTORCH, the cache (with CUDA before without), an installed Python torch of the
 * pinned version.
 * @throws EmotionError ERR_LIBTORCH_MISSING when LIBTORCH names something else than the pinned version
 */
export function locateLibtorch(env: Environment = process.env): Libtorch | undefined {
  if (env.LIBTORCH) return fromVariable(env.LIBTORCH);
  return (
    inspectLibtorch(cachedLibtorch(env, CUDA_SET), 'cache') ??
    inspectLibtorch(cachedLibtorch(env, CPU_SET), 'cache') ??
    pythonLibtorch(env)
  );
}

/**
 * What to open for CUDA, absolute and in this order, once the CPU's part is open. NVRTC, which compiles some kernels when they
 * are first run (those of complex numbers, some of cuDNN's), opens libnvrtc-builtins by its bare name, which the linker only
 * finds where it is open already: NVRTC has no RPATH of its own. Python's torch does the same.
 */
export function cudaLibraries({ root, libDir }: Pick<Libtorch, 'root' | 'libDir'>): string[] {
  const nvidia = path.join(root, 'nvidia');
  const folders = existsSync(nvidia) ? readdirSync(nvidia).map((name) => path.join(nvidia, name, 'lib')) : [];
  const builtins = [libDir, ...folders]
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => path.join(folder, name)))
    .filter((file) => /^libnvrtc-builtins\.so\.\d/.test(path.basename(file)));
  return [...builtins, path.join(libDir, 'libtorch_cuda.so')];
}

function fromVariable(value: string): Libtorch {
  const root = [value, path.dirname(path.resolve(value))].find((folder) =>
    existsSync(path.join(folder, 'torch/lib/libtorch_cpu.so')),
  );
  const found = root === undefined ? undefined : inspectLibtorch(path.resolve(root), 'LIBTORCH');
  if (found?.version === LIBTORCH_VERSION) return found;
  // Another version's libraries load and then end the process by std::terminate: refuse before that.
  const what = found === undefined ? 'no torch/lib/libtorch_cpu.so' : `version ${found.version}`;
  throw new EmotionError(
    'ERR_LIBTORCH_MISSING',
    `LIBTORCH is ${shown(value)}, which holds ${what}; ${LIBTORCH_VERSION} is needed`,
    {
      remedy: 'Correct LIBTORCH, or unset it and run `npx emotion2vec setup`.',
    },
  );
}

/** What lies under `root`, or undefined when that is not a whole libtorch. */
export function inspectLibtorch(root: string, source: Libtorch['source']): Libtorch | undefined {
  const libDir = path.join(root, 'torch/lib');
  if (!existsSync(path.join(libDir, 'libtorch_cpu.so')) || !existsSync(path.join(libDir, 'libc10.so')))
    return undefined;
  const gomp = path.join(libDir, 'libgomp.so.1');
  return {
    root,
    libDir,
    source,
    preload: existsSync(gomp) ? [gomp] : [],
    cuda: existsSync(path.join(libDir, 'libtorch_cuda.so')),
    ...versionsOf(root),
  };
}

/** A wheel has version.py; libtorch's zip has build-version with 2.11.0+cu130. */
function versionsOf(root: string): Pick<Libtorch, 'version' | 'cudaVersion'> {
  const read = (name: string): string => {
    const file = path.join(root, 'torch', name);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  };
  const python = read('version.py');
  const [version, variant] = (/^__version__\s*=\s*'([^']+)/m.exec(python)?.[1] ?? read('build-version'))
    .trim()
    .split('+');
  const tag = /^cu(\d+)(\d)$/.exec(variant ?? '');
  return {
    version: version || 'unknown',
    cudaVersion: /^cuda\b[^=\n]*=\s*'([^']+)/m.exec(python)?.[1] ?? (tag === null ? undefined : `${tag[1]}.${tag[2]}`),
  };
}

const PROBE = `import importlib.util as u, os
s = u.find_spec("torch")
print(os.path.dirname(os.path.dirname(s.origin)) if s and s.origin else "")`;

/** Asking Python takes a tenth of a second, so a torch that was found is remembered in the cache. */
export function pythonLibtorch(env: Environment = process.env): Libtorch | undefined {
  const note = path.join(cacheFolder(env), 'python-torch');
  const remembered = existsSync(note) ? usable(readFileSync(note, 'utf8')) : undefined;
  if (remembered !== undefined) return remembered;
  let answer: string;
  try {
    answer = execFileSync('python3', ['-c', PROBE], {
      encoding: 'utf8',
      env,
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
  const found = inspectLibtorch(root, 'python');
  return found?.version === LIBTORCH_VERSION && existsSync(path.join(root, 'torch/include')) ? found : undefined;
}
