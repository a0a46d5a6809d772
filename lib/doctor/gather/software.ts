import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import path from 'node:path';

import { verifyArchive } from '../../archive/verify-archive.js';
import { FFMPEG_VARIABLE, findFfmpeg } from '../../audio/ffmpeg/program.js';
import { EmotionError } from '../../shared/errors.js';
import { openEmotionArchive } from '../../model/emotion-archive.js';
import { type BuiltInModel, builtInModels, resolveModel } from '../../model/manifest.js';
import { cachedLibtorch, cacheFolder, inspectLibtorch, type Libtorch, locateLibtorch } from '../../libtorch/locate.js';
import { CPU_SET, CUDA_SET } from '../../libtorch/pin.js';
import { addonIsCurrent } from '../../native/build.js';
import { findAddon, packageRoot } from '../../native/paths.js';
import type { AddonFacts, FfmpegFacts, ModelFacts, ToolFacts } from '../facts.js';
import { known, type Known, knownLater } from '../finding.js';
import { folderFacts } from './system.js';

/** Asking Python for pip, or ffmpeg for its version, must not hold the doctor up. */
const PATIENCE_MS = 1000;

/**
 * As every command finds it, but that nothing is written: where a torch that Python knows lies would be noted in the cache.
 */
export function libtorchFacts(env: NodeJS.ProcessEnv = process.env): Known<Libtorch | undefined> {
  return known(() => {
    const nothingNoted = !existsSync(path.join(cacheFolder(env), 'python-torch'));
    return locateLibtorch(nothingNoted && !cached(env) ? { ...env, EMOTION2VEC_CACHE: '/dev/null' } : env);
  });
}

function cached(env: NodeJS.ProcessEnv): boolean {
  return [CUDA_SET, CPU_SET].some((set) => inspectLibtorch(cachedLibtorch(env, set), 'cache') !== undefined);
}

export function addonFacts(libtorch: Libtorch | undefined): AddonFacts {
  const found = known(findAddon).value;
  const current =
    found === undefined || libtorch === undefined ? undefined : known(() => addonIsCurrent(libtorch)).value;
  return { path: found?.torch, current, folder: folderFacts(path.join(packageRoot, 'build')) };
}

export async function toolFacts(): Promise<ToolFacts> {
  const { env } = process;
  const there = (...names: string[]) => names.some((name) => inPath(name, env.PATH ?? ''));
  const python = there('python3');
  return {
    python,
    pip: python && (await pythonHas('pip')),
    cmake: there('cmake'),
    compiler: there('g++', 'clang++'),
    make: there('make', 'ninja'),
    mirror: Boolean(env.EMOTION2VEC_LIBTORCH_URL),
  };
}

/** @throws EmotionError where the one that the environment names is not there */
export async function ffmpegFacts(env: NodeJS.ProcessEnv = process.env): Promise<FfmpegFacts | undefined> {
  const path = findFfmpeg(env);
  if (path === undefined) {
    const named = env[FFMPEG_VARIABLE];
    if (!named) return undefined;
    throw new EmotionError('ERR_DECODER_UNAVAILABLE', `${FFMPEG_VARIABLE} names ${named}, which is no program here`);
  }
  const said = await new Promise<string>((resolve) => {
    execFile(path, ['-version'], { timeout: PATIENCE_MS }, (_error, stdout) => resolve(stdout));
  });
  return { path, version: /^ffmpeg version ([\w.]+)/.exec(said)?.[1] ?? '' };
}

/** The built-in models, and the wanted one. */
export async function modelFacts(
  wanted: string | undefined,
): Promise<{ models: ModelFacts[]; modelProblem: Known<undefined> }> {
  const chosen = known(() => resolveModel(wanted));
  const builtIn = known(builtInModels).value ?? [];
  const files: Pick<BuiltInModel, 'name' | 'path'>[] = [...builtIn];
  const { value: file } = chosen;
  if (file !== undefined && builtIn.every((model) => model.path !== file)) {
    files.push({ name: path.basename(file), path: file });
  }
  const models = await Promise.all(
    files.map(async (model) => ({
      name: model.name,
      path: model.path,
      bytes: known(() => statSync(model.path).size).value ?? 0,
      builtIn: builtIn.some(({ path }) => path === model.path),
      chosen: model.path === file,
      card: await knownLater(async () => {
        // Asked for by name, it is read whole: libtorch compares no checksum. Gigabytes take seconds.
        if (wanted !== undefined && model.path === file) await verifyArchive(model.path);
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
    .some((folder) => known(() => accessSync(path.join(folder, name), constants.X_OK)).problem === undefined);
}

function pythonHas(module: string): Promise<boolean> {
  const script = `import importlib.util, sys; sys.exit(importlib.util.find_spec(${JSON.stringify(module)}) is None)`;
  return new Promise((resolve) => {
    execFile('python3', ['-c', script], { timeout: PATIENCE_MS }, (error) => resolve(error === null));
  });
}
