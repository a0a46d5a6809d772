import { useEffect } from 'preact/hooks';

import { texts } from '../i18n/index.js';
import { failure, failureText } from '../state/failure.js';
import { bringIntoView } from '../state/view.js';
import { Icon } from './icons.js';

export function FailureAlert() {
  const { error: text } = texts.value;
  const problem = failure.value;
  useEffect(() => {
    if (problem !== undefined) bringIntoView('failure');
  }, [problem]);
  return (
    <div role="alert">
      {problem !== undefined && (
        <div class="panel failure" id="failure">
          <Icon name="warning" />
          <div>
            <h2>{text.heading}</h2>
            <p>{failureText(problem)}</p>
            <p class="note">
              {problem.code}
              {problem.requestId !== undefined && ` · ${text.request(problem.requestId)}`}
            </p>
          </div>
          <button
            type="button"
            class="icon-button"
            aria-label={text.dismiss}
            onClick={() => (failure.value = undefined)}
          >
            <Icon name="close" />
          </button>
        </div>
      )}
    </div>
  );
}
