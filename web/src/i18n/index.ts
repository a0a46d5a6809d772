import { computed, signal } from '@preact/signals';

import { remembered } from '../state/remembered.js';
import { en, type Texts } from './en.js';
import { zh } from './zh.js';

const languages = { en, zh } as const;
export type Language = keyof typeof languages;
export const LANGUAGE_NAMES: Record<Language, string> = { en: 'English', zh: '中文' };

const preferred: Language = navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
export const language = remembered<Language>('language', preferred, (value) => value in languages);

/** The texts in the selected language. */
export const texts = computed<Texts>(() => languages[language.value]);

/** Text that screen readers announce. */
export const announcement = signal('');
export function announce(text: string): void {
  announcement.value = '';
  setTimeout(() => (announcement.value = text), 50); // so that a repeated text is announced again
}
