import { randomBytes } from 'node:crypto';

export const CLIP_ID = /^\d{8}T\d{9}Z-[0-9a-f]{12}$/;

/** Creates an id for a result or a batch. Ids sort by time and cannot be guessed. */
export function newId(now = new Date()): string {
  return `${now.toISOString().replace(/[-:.]/g, '')}-${randomBytes(6).toString('hex')}`;
}

/** Returns the time at which an id was created, in milliseconds. */
export function timeOf(id: string): number {
  const [, year, month, day, hour, minute, second, ms] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z/.exec(id)!;
  return Date.UTC(+year!, +month! - 1, +day!, +hour!, +minute!, +second!, +ms!);
}
