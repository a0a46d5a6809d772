import { CPU_SET, downloadSpace } from '../../libtorch/pin.js';
import { formatBytes } from '../../shared/bytes.js';
import type { Facts } from '../facts.js';
import type { Finding } from '../finding.js';

/** Checks whether libtorch could be downloaded into the cache, which only matters if there is no libtorch. */
export function checkCache({ cache, libtorch }: Facts): Finding | undefined {
  const finding = { id: 'software.cache', title: 'Cache', data: { ...cache } };
  if (cache === undefined) {
    if (libtorch.value !== undefined) return undefined;
    const detail = 'this user has no home folder to keep libtorch in';
    const remedy = 'Set HOME, or set EMOTION2VEC_CACHE to a writable folder.';
    return { ...finding, status: 'error', kind: 'no-home', detail, remedy };
  }
  const { path, exists, blocked, writable, freeBytes } = cache;
  if (blocked) {
    const status = libtorch.value === undefined ? 'error' : 'warning';
    const detail = exists ? `${path} is not a folder` : `${path} would be in something that is not a folder`;
    const remedy = 'Set EMOTION2VEC_CACHE to a folder, or unset it.';
    return { ...finding, status, kind: 'not-a-folder', detail, remedy };
  }
  const detail = `${path}${freeBytes === null ? '' : `, ${formatBytes(freeBytes)} free on its disk`}`;
  if (libtorch.value !== undefined || libtorch.problem !== undefined) {
    return exists ? { ...finding, status: 'ok', detail } : undefined;
  }
  if (!writable) {
    const remedy = `Make ${path} writable, or set EMOTION2VEC_CACHE to a folder that is.`;
    const detail = `${path}, which libtorch would be downloaded into, is not writable`;
    return { ...finding, status: 'error', kind: 'not-writable', detail, remedy };
  }
  const needed = downloadSpace(CPU_SET);
  if (freeBytes !== null && freeBytes < needed) {
    const detail = `${path}: the disk has ${formatBytes(freeBytes)} free, and downloading libtorch needs ${formatBytes(needed)} temporarily`;
    const remedy = 'Free that much space, or set EMOTION2VEC_CACHE to a folder on another disk.';
    return { ...finding, status: 'error', kind: 'disk-full', detail, remedy };
  }
  return { ...finding, status: 'ok', detail };
}
