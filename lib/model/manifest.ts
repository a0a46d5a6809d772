import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

import { EmotionError } from '../shared/errors.js';
import { fileError } from '../shared/file-error.js';
import { packageRoot } from '../shared/package-root.js';
import { shown } from '../shared/text.js';
import * as z from '../vendor/zod.js';

const manifestSchema = z.object({
  default: z.string(),
  models: z.array(
    z.object({
      name: z.string(),
      file: z.string(),
      description: z.string(),
      languages: z.array(z.string()),
      license: z.string(),
    }),
  ),
});

/** A model that the package contains. */
export interface BuiltInModel {
  /** Name, which is also a value of the `model` option. */
  name: string;
  /** Absolute path of the archive. */
  path: string;
  /** Description of the model in one sentence. */
  description: string;
  /** Languages of the training data, as ISO 639-1 codes. */
  languages: string[];
  /** License of the weights, and those of the training data. */
  license: string;
  /** Size of the archive in bytes. */
  bytes: number;
  /** Whether this model is used if none is named. */
  isDefault: boolean;
}

/** Returns the models that the package contains, the default one first. */
export function builtInModels(): BuiltInModel[] {
  const folder = path.join(packageRoot, 'models');
  const manifest = manifestSchema.parse(JSON.parse(readManifest(path.join(folder, 'manifest.json'))));
  return manifest.models
    .map(({ file, ...model }) => {
      const archive = path.join(folder, file);
      return { ...model, path: archive, bytes: statSync(archive).size, isDefault: model.name === manifest.default };
    })
    .sort((a, b) => Number(b.isDefault) - Number(a.isDefault));
}

function readManifest(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw fileError(error, "The package's own models/manifest.json");
  }
}

/**
 * Returns the absolute path of the archive for a `model` option, which is the name of a built-in model or a path. Default: the
 * path of the default model.
 * @throws EmotionError ERR_MODEL_NOT_FOUND
 */
export function resolveModel(model: string | undefined): string {
  const models = builtInModels();
  const found = models.find((entry) => (model === undefined ? entry.isDefault : entry.name === model));
  if (found !== undefined) return found.path;
  if (model !== undefined && existsSync(model)) return path.resolve(model);
  const names = models.map((entry) => entry.name).join(', ');
  throw new EmotionError(
    'ERR_MODEL_NOT_FOUND',
    `There is no model "${shown(model ?? '')}": it is neither a file nor the name of a built-in model (${names})`,
  );
}
