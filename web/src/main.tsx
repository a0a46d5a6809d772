import { render } from 'preact';

import { App } from './app.js';
import { recording } from './audio/recorder.js';
import { watchHistory } from './state/history.js';
import { busy } from './state/run.js';
import { watchStatus } from './state/status.js';
import './state/settings.js';
import './styles/base.css';
import './styles/emotions.css';
import './styles/layout.css';
import './styles/controls.css';
import './styles/input.css';
import './styles/result.css';
import './styles/lists.css';

watchStatus(() => busy.value);
watchHistory();
window.addEventListener('beforeunload', (event) => {
  if (busy.value || recording.value !== undefined) event.preventDefault(); // makes the browser ask for confirmation
});
render(<App />, document.getElementById('app')!);
