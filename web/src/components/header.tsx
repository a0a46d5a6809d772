import { type Language, language, LANGUAGE_NAMES, texts } from '../i18n/index.js';
import { formatBytes } from '../state/format.js';
import { type Theme, theme, THEMES } from '../state/settings.js';
import { locked, offline, status } from '../state/status.js';

/** Whether there is a session to log out of. The server writes this into the page. */
const hasLogin = document.querySelector<HTMLMetaElement>('meta[name=logout]')?.content === 'yes';

export function Header() {
  const { title, language: languageLabel, theme: themeLabel, themes, logout } = texts.value;
  return (
    <header class="header">
      <h1 class="brand">
        <Mark />
        <span>
          <span class="brand-name">emotion2vec</span>
          <span class="brand-title">{title}</span>
        </span>
      </h1>
      <ModelState />
      <div class="header-choices">
        <label>
          <span class="visually-hidden">{languageLabel}</span>
          <select
            class="quiet-select"
            value={language.value}
            onChange={(event) => (language.value = event.currentTarget.value as Language)}
          >
            {Object.entries(LANGUAGE_NAMES).map(([code, name]) => (
              <option key={code} value={code}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span class="visually-hidden">{themeLabel}</span>
          <select
            class="quiet-select"
            value={theme.value}
            onChange={(event) => (theme.value = event.currentTarget.value as Theme)}
          >
            {THEMES.map((name) => (
              <option key={name} value={name}>
                {themes[name]}
              </option>
            ))}
          </select>
        </label>
        {hasLogin && (
          <form method="post" action="logout">
            <button class="button">{logout}</button>
          </form>
        )}
      </div>
    </header>
  );
}

/** The logo: a waveform in the colors of emotions. */
function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <path class="mark-sad" d="M5 13v6" />
      <path class="mark-surprised" d="M10.5 9v14" />
      <path class="mark-happy" d="M16 4v24" />
      <path class="mark-angry" d="M21.5 10v12" />
      <path class="mark-fearful" d="M27 14v4" />
    </svg>
  );
}

function ModelState() {
  const { model: text } = texts.value;
  const now = status.value;
  if (locked.value) {
    return (
      <p class="model-state bad">
        <span class="dot" aria-hidden="true" />
        <span>
          {text.locked}{' '}
          <button type="button" class="link" onClick={() => location.reload()}>
            {text.unlock}
          </button>
        </span>
      </p>
    );
  }
  if (offline.value) {
    return (
      <p class="model-state bad">
        <span class="dot" aria-hidden="true" />
        {text.offline}
      </p>
    );
  }
  if (now === undefined) return <p class="model-state" />;
  const { model, memory } = now;
  const stateText = {
    unloaded: text.unloaded,
    loading: text.loading(Math.round(100 * (model.fraction ?? 0))),
    loaded: text.loaded,
  }[model.state];
  return (
    <p class={`model-state ${model.state}`}>
      <span class="dot" aria-hidden="true" />
      <span>
        <strong>{stateText}</strong>
        <span class="model-facts">
          {[
            model.name,
            model.precision,
            model.device,
            model.threads === undefined ? undefined : text.threads(model.threads),
            text.memory(formatBytes(memory.rssBytes)),
          ]
            .filter((fact) => fact !== undefined)
            .join(' · ')}
        </span>
      </span>
    </p>
  );
}
