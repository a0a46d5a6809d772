import { texts } from '../i18n/index.js';
import type { Stage } from './run.js';

/** Describes the stage that a request is in. */
export function stageText(now: Exclude<Stage, { stage: 'idle' }>): string {
  const { run: text } = texts.value;
  switch (now.stage) {
    case 'sending':
      return text.uploading(Math.round(100 * now.fraction));
    case 'loading':
      return text.loading(Math.round(100 * now.fraction));
    case 'decoding':
      return text.decoding;
    case 'queued':
      return text.queued(now.ahead);
    case 'running':
      return now.total > 1 ? text.runningPart(now.done + 1, now.total) : text.running;
    case 'batch':
      return text.batch(now.done, now.total);
  }
}
