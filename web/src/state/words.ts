import { texts } from '../i18n/index.js';
import type { Stage } from './run.js';

/** What is happening, for the one who waits. */
export function stageWords(now: Exclude<Stage, { stage: 'idle' }>): string {
  const { run: say } = texts.value;
  switch (now.stage) {
    case 'sending':
      return say.uploading(Math.round(100 * now.fraction));
    case 'loading':
      return say.loading(Math.round(100 * now.fraction));
    case 'decoding':
      return say.decoding;
    case 'queued':
      return say.queued(now.ahead);
    case 'running':
      return now.total > 1 ? say.runningPart(now.done + 1, now.total) : say.running;
    case 'batch':
      return say.batch(now.done, now.total);
  }
}
