import { shown } from '../shared/text.js';

/** A path, a name or a text of a file as messages about it quote it: two of them have less than 200 characters. */
export function brief(text: string, most = 95): string {
  return shown(text, most);
}
