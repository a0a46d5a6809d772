import { useRef } from 'preact/hooks';

import { texts } from '../i18n/index.js';
import { chosen } from '../state/chosen.js';
import { busy, cancel, recognise, type Stage, stage } from '../state/run.js';
import { stageWords } from '../state/words.js';
import { firstClick } from './click.js';
import { Icon } from './icons.js';

/** Starts, and says what is happening. */
export function RunButton() {
  const { run: say } = texts.value;
  const count = chosen.value.length;
  const now = stage.value;
  const words =
    now.stage !== 'idle' ? stageWords(now) : count === 0 ? say.idle : count === 1 ? say.one : say.many(count);
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
        onClick={firstClick(() => void recognise())}
      >
        <span
          class={`run-progress${fraction === undefined ? ' endless' : ''}`}
          style={{ transform: `scaleX(${fraction ?? 1})` }}
          aria-hidden="true"
        />
        <span class="run-words">{words}</span>
      </button>
      {busy.value && (
        <button
          type="button"
          class="button"
          onClick={firstClick(() => {
            cancel();
            button.current?.focus(); // this one goes
          })}
        >
          <Icon name="close" />
          {say.cancel}
        </button>
      )}
    </div>
  );
}

/** How much of the stage is done; undefined where that cannot be told. */
function fractionOf(now: Stage): number | undefined {
  if (now.stage === 'idle') return 0;
  if (now.stage === 'sending' || now.stage === 'loading') return now.fraction;
  if (now.stage === 'batch' || (now.stage === 'running' && now.total > 1)) return now.done / now.total;
  return undefined;
}
