import { type Language, language, LANGUAGE_NAMES, texts } from '../i18n/index.js';
import { size } from '../state/emotions.js';
import { type Theme, theme, THEMES } from '../state/settings.js';
import { locked, offline, status } from '../state/status.js';

/** Whether the server asks for a token: it writes that into the page. */
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

/** The sign: a voice in the colours of what it says. */
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
  const { model: say } = texts.value;
  const now = status.value;
  if (locked.value) {
    return (
      <p class="model-state bad">
        <span class="dot" aria-hidden="true" />
        <span>
          {say.locked}{' '}
          <button type="button" class="link" onClick={() => location.reload()}>
            {say.unlock}
          </button>
        </span>
      </p>
    );
  }
  if (offline.value) {
    return (
      <p class="model-state bad">
        <span class="dot" aria-hidden="true" />
        {say.offline}
      </p>
    );
  }
  if (now === undefined) return <p class="model-state" />;
  const { model, memory } = now;
  const words = {
    unloaded: say.unloaded,
    loading: say.loading(Math.round(100 * (model.fraction ?? 0))),
    loaded: say.loaded,
  }[model.state];
  return (
    <p class={`model-state ${model.state}`}>
      <span class="dot" aria-hidden="true" />
      <span>
        <strong>{words}</strong>
        <span class="model-facts">
          {[
            model.name,
            model.precision,
            model.device,
            model.threads === undefined ? undefined : say.threads(model.threads),
            say.memory(size(memory.rssBytes)),
          ]
            .filter((fact) => fact !== undefined)
            .join(' · ')}
        </span>
      </span>
    </p>
  );
}
