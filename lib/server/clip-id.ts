import { randomBytes } from 'node:crypto';

export const ID = /^\d{8}T\d{9}Z-[0-9a-f]{12}$/;

/** A name for what was found now: ids sort by time, and none can be guessed. */
export function newId(now = new Date()): string {
  return `${now.toISOString().replace(/[-:.]/g, '')}-${randomBytes(6).toString('hex')}`;
}

/** When an id was made, in milliseconds. */
export function timeOf(id: string): number {
  const [, year, month, day, hour, minute, second, ms] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z/.exec(id)!;
  return Date.UTC(+year!, +month! - 1, +day!, +hour!, +minute!, +second!, +ms!);
}
