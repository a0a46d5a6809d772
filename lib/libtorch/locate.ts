import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

import { EmotionError } from '../shared/errors.js';
import { shown } from '../shared/text.js';
import { CPU_SET, CUDA_SET, LIBTORCH_VERSION, type LibtorchSet } from './pin.js';

export interface Libtorch {
  /** The folder that holds torch/ (headers in torch/include, libraries in torch/lib). */
  root: string;
  libDir: string;
  version: string;
  source: 'LIBTORCH' | 'cache' | 'python';
  /** Absolute paths of libraries to open before libc10. */
  preload: string[];
  /** Whether it includes libtorch_cuda.so. */
  cuda: boolean;
  /** CUDA version that it was built for, such as 13.0, even if libtorch_cuda.so is absent; undefined for a CPU build. */
  cudaVersion: string | undefined;
}

export type Environment = Record<string, string | undefined>;

/**
 * Returns the folder for everything that is downloaded: $EMOTION2VEC_CACHE, or a folder in the user's cache folder.
 * @throws EmotionError ERR_LIBTORCH_MISSING for a user without a home folder
 */
export function cacheFolder(env: Environment = process.env): string {
  if (env.EMOTION2VEC_CACHE) return path.resolve(env.EMOTION2VEC_CACHE);
  return path.join(env.XDG_CACHE_HOME || path.join(env.HOME || home(), '.cache'), 'emotion2vec-node');
}

function home(): string {
  try {
    return homedir();
  } catch (cause) {
    throw new EmotionError('ERR_LIBTORCH_MISSING', 'This user has no home folder to keep libtorch in', {
      cause,
      remedy: 'Set HOME, EMOTION2VEC_CACHE or LIBTORCH.',
    });
  }
}

/**
 * Returns what to do about a libtorch that is damaged or incomplete. `setup` alone does not replace it, because it checks only
 * that the files exist.
 */
export function repairRemedy({ root, source }: Pick<Libtorch, 'root' | 'source'>, { cuda = false } = {}): string {
  const setup = cuda ? '`npx emotion2vec setup --cuda`' : '`npx emotion2vec setup`';
  switch (source) {
    case 'cache':
      return `Remove ${root} and run ${setup}.`;
    case 'LIBTORCH':
      return `Set LIBTORCH to a complete libtorch with its original layout (torch/lib, nvidia/cu13/lib), or unset it and run ${setup}.`;
    case 'python':
      return `Install it again: \`pip install --force-reinstall torch==${LIBTORCH_VERSION}\`.`;
  }
}

/** Returns the folder of the pinned libtorch in the cache, whether or not it exists. */
export function cachedLibtorch(env: Environment = process.env, set: LibtorchSet = CPU_SET): string {
  return path.join(cacheFolder(env), set.folder);
}

/**
 * Returns the libtorch to use. In order of precedence: the one that LIBTORCH names, the one in the cache with CUDA, the one in
 * the cache without CUDA, and Python's torch if it has the pinned version. Returns undefined if there is none.
 * @throws EmotionError ERR_LIBTORCH_MISSING if LIBTORCH names anything but the pinned version
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
 * Returns the absolute paths of the libraries to open for CUDA, in this order, after those for the CPU. NVRTC, which compiles
 * some kernels on their first run (those of complex numbers, some of cuDNN's), opens libnvrtc-builtins by its bare name. NVRTC
 * has no RPATH, so the linker finds that library only if it is open already. Python's torch also opens it first.
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
  // The libraries of another version load, but then end the process by std::terminate.
  const what = found === undefined ? 'no torch/lib/libtorch_cpu.so' : `version ${found.version}`;
  throw new EmotionError(
    'ERR_LIBTORCH_MISSING',
    `LIBTORCH is ${shown(value)}, which holds ${what}; ${LIBTORCH_VERSION} is needed`,
    {
      remedy: 'Correct LIBTORCH, or unset it and run `npx emotion2vec setup`.',
    },
  );
}

/** Returns the libtorch in the folder `root`; undefined if one of its main libraries is missing. */
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

/** Wheels have version.py; zips of libtorch have build-version, with a text such as 2.11.0+cu130. */
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

/**
 * Returns Python's torch. Running Python takes a tenth of a second, so the path of a torch that was found is kept in the cache.
 */
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
    return undefined; // there is no Python
  }
  const found = answer === '' ? undefined : usable(answer);
  if (found !== undefined) {
    try {
      mkdirSync(path.dirname(note), { recursive: true });
      writeFileSync(note, found.root);
    } catch {
      // The cache is not writable, so Python runs again next time.
    }
  }
  return found;
}

function usable(root: string): Libtorch | undefined {
  const found = inspectLibtorch(root, 'python');
  return found?.version === LIBTORCH_VERSION && existsSync(path.join(root, 'torch/include')) ? found : undefined;
}
