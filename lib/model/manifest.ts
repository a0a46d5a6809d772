import { existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import * as z from '../vendor/zod.js';

import { EmotionError } from '../shared/errors.js';
import { fileError } from '../shared/file-error.js';
import { packageRoot } from '../shared/package-root.js';
import { shown } from '../shared/text.js';

const manifestSchema = z.object({
  default: z.string(),
  models: z.array(
    z.object({
      name: z.string(),
      file: z.string(),
      description: z.string(),
      languages: z.array(z.string()),
      licence: z.string(),
    }),
  ),
});

export interface BuiltInModel {
  name: string;
  /** Absolute path of the archive. */
  path: string;
  description: string;
  languages: string[];
  licence: string;
  /** Size of the archive. */
  bytes: number;
  isDefault: boolean;
}

/** The models in models/manifest.json, the default one first. */
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
 * The archive that a `model` option means: a built-in name, or a path. Without one, the default model.
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
    `There is no model "${shown(model ?? '')}": neither a file nor a built-in name (${names})`,
  );
}
