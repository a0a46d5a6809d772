import { readFileSync } from 'node:fs';
import path from 'node:path';

import { openEmotionArchive } from '../model/emotion-archive.js';
import { builtInModels, resolveModel } from '../model/manifest.js';
import { packageRoot } from '../shared/package-root.js';
import type { FastifyInstance } from '../vendor/server.js';
import type { ApiOptions } from './api-options.js';
import { apiSettings } from './options.js';
import { Service } from './service.js';

/**
 * Creates what the routes share. Does not load libtorch.
 * @throws InvalidOptionsError
 * @throws EmotionError ERR_MODEL_NOT_FOUND, ERR_MODEL_LOAD, ERR_FILE_WRITE
 */
export async function openService(options: ApiOptions, { prefix, log }: FastifyInstance): Promise<Service> {
  const settings = apiSettings(options);
  const file = resolveModel(options.model);
  const builtIn = builtInModels().find((model) => model.path === file);
  const name = builtIn?.name ?? path.basename(file, '.pt').replace(/[^\w.-]/g, '_');
  const { version } = JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8')) as { version: string };
  const { card } = await openEmotionArchive(file);
  return Service.open(options.recognizer, { name, file, card }, settings, {
    prefix: prefix === '/' ? '' : prefix,
    version,
    onError: (error) => log.error({ err: error }, 'Old results could not be deleted'),
    onInvalidFile: (error) => log.warn({ err: error }, error.message),
  });
}
