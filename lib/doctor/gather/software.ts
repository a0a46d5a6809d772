import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import path from 'node:path';

import { verifyArchive } from '../../archive/verify-archive.js';
import { FFMPEG_VARIABLE, findFfmpeg } from '../../audio/ffmpeg/program.js';
import { cachedLibtorch, cacheFolder, inspectLibtorch, type Libtorch, locateLibtorch } from '../../libtorch/locate.js';
import { CPU_SET, CUDA_SET } from '../../libtorch/pin.js';
import { openEmotionArchive } from '../../model/emotion-archive.js';
import { type BuiltInModel, builtInModels, resolveModel } from '../../model/manifest.js';
import { findAddon } from '../../native/addon-files.js';
import { addonIsCurrent } from '../../native/build.js';
import { EmotionError } from '../../shared/errors.js';
import { packageRoot } from '../../shared/package-root.js';
import type { AddonFacts, FfmpegFacts, ModelFacts, ToolFacts } from '../facts.js';
import { attempt, known, type Known, knownAsync, succeeds } from '../known.js';
import { folderFacts } from './system.js';

/** Time limit for asking Python for pip, and ffmpeg for its version. */
const PROGRAM_TIMEOUT_MS = 1000;

/** Finds libtorch like the other commands, but writes nothing. The others keep the path of Python's torch in the cache. */
export function libtorchFacts(env: NodeJS.ProcessEnv = process.env): Known<Libtorch | undefined> {
  return known('ERR_LIBTORCH_MISSING', () => {
    const unknown = !existsSync(path.join(cacheFolder(env), 'python-torch'));
    return locateLibtorch(unknown && !cached(env) ? { ...env, EMOTION2VEC_CACHE: '/dev/null' } : env);
  });
}

function cached(env: NodeJS.ProcessEnv): boolean {
  return [CUDA_SET, CPU_SET].some((set) => inspectLibtorch(cachedLibtorch(env, set), 'cache') !== undefined);
}

export function addonFacts(libtorch: Libtorch | undefined): AddonFacts {
  const found = attempt(findAddon);
  const current = found === undefined || libtorch === undefined ? undefined : attempt(() => addonIsCurrent(libtorch));
  return { path: found?.torch, current, folder: folderFacts(path.join(packageRoot, 'build')) };
}

export async function toolFacts(): Promise<ToolFacts> {
  const { env } = process;
  const installed = (...names: string[]) => names.some((name) => inPath(name, env.PATH ?? ''));
  const python = installed('python3');
  return {
    python,
    pip: python && (await pythonHas('pip')),
    cmake: installed('cmake'),
    compiler: installed('g++', 'clang++'),
    make: installed('make', 'ninja'),
    mirror: Boolean(env.EMOTION2VEC_LIBTORCH_URL),
  };
}

export function ffmpegFacts(env: NodeJS.ProcessEnv = process.env): Promise<Known<FfmpegFacts | undefined>> {
  return knownAsync('ERR_DECODER_UNAVAILABLE', async () => {
    const path = findFfmpeg(env);
    if (path === undefined) {
      const named = env[FFMPEG_VARIABLE];
      if (!named) return undefined;
      throw new EmotionError('ERR_DECODER_UNAVAILABLE', `${FFMPEG_VARIABLE} is ${named}, which is not a program`);
    }
    const output = await new Promise<string>((resolve) => {
      execFile(path, ['-version'], { timeout: PROGRAM_TIMEOUT_MS }, (_error, stdout) => resolve(stdout));
    });
    return { path, version: /^ffmpeg version ([\w.]+)/.exec(output)?.[1] ?? '' };
  });
}

/** Reads the built-in models, and the requested one. */
export async function modelFacts(
  requested: string | undefined,
): Promise<{ models: ModelFacts[]; modelProblem: Known<undefined> }> {
  const chosen = known('ERR_MODEL_NOT_FOUND', () => resolveModel(requested));
  const builtIn = attempt(builtInModels) ?? [];
  const files: Pick<BuiltInModel, 'name' | 'path'>[] = [...builtIn];
  const { value: file } = chosen;
  if (file !== undefined && builtIn.every((model) => model.path !== file)) {
    files.push({ name: path.basename(file), path: file });
  }
  const models = await Promise.all(
    files.map(async (model) => ({
      name: model.name,
      path: model.path,
      bytes: attempt(() => statSync(model.path).size) ?? 0,
      builtIn: builtIn.some(({ path }) => path === model.path),
      chosen: model.path === file,
      card: await knownAsync('ERR_MODEL_LOAD', async () => {
        // A requested model is read completely, because libtorch checks no checksums. Gigabytes take seconds.
        if (requested !== undefined && model.path === file) await verifyArchive(model.path);
        return (await openEmotionArchive(model.path)).card;
      }),
    })),
  );
  return {
    models,
    modelProblem: chosen.problem === undefined ? { value: undefined } : { problem: chosen.problem },
  };
}

function inPath(name: string, folders: string): boolean {
  return folders
    .split(path.delimiter)
    .some((folder) => succeeds(() => accessSync(path.join(folder, name), constants.X_OK)));
}

function pythonHas(module: string): Promise<boolean> {
  const script = `import importlib.util, sys; sys.exit(importlib.util.find_spec(${JSON.stringify(module)}) is None)`;
  return new Promise((resolve) => {
    execFile('python3', ['-c', script], { timeout: PROGRAM_TIMEOUT_MS }, (error) => resolve(error === null));
  });
}
