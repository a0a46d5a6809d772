/** Numbers as text. */
import { texts } from '../i18n/index.js';

export function formatPercent(score: number): string {
  return `${(100 * score).toFixed(1)}%`;
}

/** `12.3 s`, or `2:05` from a minute on. */
export function formatSeconds(value: number): string {
  const minutes = Math.floor(value / 60);
  const rest = value - 60 * minutes;
  return minutes === 0 ? `${rest.toFixed(1)} s` : `${minutes}:${String(Math.floor(rest)).padStart(2, '0')}`;
}

export function formatBytes(bytes: number): string {
  if (bytes < 2 ** 20) return `${Math.ceil(bytes / 2 ** 10)} kB`;
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GB` : `${Math.round(bytes / 2 ** 20)} MB`;
}

/** A number of seconds as days or hours. */
export function formatPeriod(value: number): string {
  const { days, hours } = texts.value;
  return value >= 86_400 ? days(Math.round(value / 86_400)) : hours(Math.max(1, Math.round(value / 3600)));
}
