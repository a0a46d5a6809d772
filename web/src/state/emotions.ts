import { language, texts } from '../i18n/index.js';
import { status } from './status.js';

/** Labels that have a colour of their own, in styles/emotions.css. */
const COLOURED = ['angry', 'disgusted', 'fearful', 'happy', 'neutral', 'other', 'sad', 'surprised', 'unknown'];

/** What the model calls an emotion, in the language of the page. */
export function emotionName(name: string): string {
  const label = status.value?.model.labels.find((entry) => entry.name === name);
  const said = label === undefined ? name : language.value === 'zh' ? label.zh : label.en;
  return said.charAt(0).toUpperCase() + said.slice(1);
}

export function colourOf(name: string): string {
  return COLOURED.includes(name) ? name : 'unknown';
}

/** All labels of the model, those with the highest scores first, unused ones last. */
export function ranked(scores: Record<string, number>): { name: string; score: number | undefined }[] {
  const unused = (status.value?.model.labels ?? []).filter((label) => label.unused && !(label.name in scores));
  return [
    ...Object.entries(scores)
      .map(([name, score]) => ({ name, score }))
      .sort((a, b) => b.score - a.score),
    ...unused.map(({ name }) => ({ name, score: undefined })),
  ];
}

export function percent(score: number): string {
  return `${(100 * score).toFixed(1)} %`;
}

export function seconds(value: number): string {
  const minutes = Math.floor(value / 60);
  const rest = value - 60 * minutes;
  return minutes === 0 ? `${rest.toFixed(1)} s` : `${minutes}:${String(Math.floor(rest)).padStart(2, '0')}`;
}

export function size(bytes: number): string {
  if (bytes < 2 ** 20) return `${Math.ceil(bytes / 2 ** 10)} kB`;
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(1)} GB` : `${Math.round(bytes / 2 ** 20)} MB`;
}

export function span(value: number): string {
  const { days, hours } = texts.value;
  return value >= 86_400 ? days(Math.round(value / 86_400)) : hours(Math.max(1, Math.round(value / 3600)));
}
