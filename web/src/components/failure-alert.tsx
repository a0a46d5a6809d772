import { useEffect } from 'preact/hooks';

import { texts } from '../i18n/index.js';
import { failure, wordsFor } from '../state/failure.js';
import { bringIntoView } from '../state/view.js';
import { Icon } from './icons.js';

export function FailureAlert() {
  const { error: say } = texts.value;
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
            <h2>{say.heading}</h2>
            <p>{wordsFor(problem)}</p>
            <p class="note">
              {problem.code}
              {problem.requestId !== undefined && ` · ${say.request(problem.requestId)}`}
            </p>
          </div>
          <button
            type="button"
            class="icon-button"
            aria-label={say.dismiss}
            onClick={() => (failure.value = undefined)}
          >
            <Icon name="close" />
          </button>
        </div>
      )}
    </div>
  );
}
