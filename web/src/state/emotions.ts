import { language } from '../i18n/index.js';
import { status } from './status.js';

/** Labels with a color of their own in styles/emotions.css. */
const COLORED = ['angry', 'disgusted', 'fearful', 'happy', 'neutral', 'other', 'sad', 'surprised', 'unknown'];

/** Returns the name of a label in the language of the page. */
export function emotionName(name: string): string {
  const label = status.value?.model.labels.find((entry) => entry.name === name);
  const translated = label === undefined ? name : language.value === 'zh' ? label.zh : label.en;
  return translated.charAt(0).toUpperCase() + translated.slice(1);
}

export function colorOf(name: string): string {
  return COLORED.includes(name) ? name : 'unknown';
}

/** Returns all labels of the model, highest score first and unused ones last. */
export function ranked(scores: Record<string, number>): { name: string; score: number | undefined }[] {
  const unused = (status.value?.model.labels ?? []).filter((label) => label.unused && !(label.name in scores));
  return [
    ...Object.entries(scores)
      .map(([name, score]) => ({ name, score }))
      .sort((a, b) => b.score - a.score),
    ...unused.map(({ name }) => ({ name, score: undefined })),
  ];
}
