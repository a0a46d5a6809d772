import { effect } from '@preact/signals';

import { language } from '../i18n/index.js';
import { remembered } from './remembered.js';

export type Theme = 'system' | 'light' | 'dark';
export const THEMES: readonly Theme[] = ['system', 'light', 'dark'];
export const theme = remembered<Theme>('theme', 'system', (value) => THEMES.includes(value));

export type Granularity = 'utterance' | 'frame';
export const granularity = remembered<Granularity>('granularity', 'frame', (value) =>
  ['utterance', 'frame'].includes(value),
);
export const embedding = remembered<boolean>('embedding', false, () => true);

effect(() => {
  const root = document.documentElement;
  root.dataset['theme'] = theme.value;
  root.lang = language.value === 'zh' ? 'zh-CN' : 'en';
});
