import { useRef } from 'preact/hooks';

import { texts } from '../i18n/index.js';
import { chosen } from '../state/chosen.js';
import { busy, cancel, recognize, type Stage, stage } from '../state/run.js';
import { stageText } from '../state/stage-text.js';
import { firstClick } from './click.js';
import { Icon } from './icons.js';

/** Starts the recognition and shows its progress. */
export function RunButton() {
  const { run: text } = texts.value;
  const count = chosen.value.length;
  const now = stage.value;
  const label =
    now.stage !== 'idle' ? stageText(now) : count === 0 ? text.idle : count === 1 ? text.one : text.many(count);
  const fraction = fractionOf(now);
  const button = useRef<HTMLButtonElement>(null);
  return (
    <div class="run">
      <button
        ref={button}
        type="button"
        class={`button primary${busy.value ? ' busy' : ''}`}
        disabled={count === 0 && !busy.value}
        aria-disabled={busy.value}
        aria-busy={busy.value}
        onClick={firstClick(() => void recognize())}
      >
        <span
          class={`run-progress${fraction === undefined ? ' endless' : ''}`}
          style={{ transform: `scaleX(${fraction ?? 1})` }}
          aria-hidden="true"
        />
        <span class="run-text">{label}</span>
      </button>
      {busy.value && (
        <button
          type="button"
          class="button"
          onClick={firstClick(() => {
            cancel();
            button.current?.focus(); // the cancel button disappears
          })}
        >
          <Icon name="close" />
          {text.cancel}
        </button>
      )}
    </div>
  );
}

/** Returns the part of the stage that is done; undefined if it is unknown. */
function fractionOf(now: Stage): number | undefined {
  if (now.stage === 'idle') return 0;
  if (now.stage === 'sending' || now.stage === 'loading') return now.fraction;
  if (now.stage === 'batch' || (now.stage === 'running' && now.total > 1)) return now.done / now.total;
  return undefined;
}
