import type { FastifyRequest } from '../vendor/server.js';

/** No path of the server has more folders. */
const MAX_DEPTH = 8;

const TEXTS = {
  en: {
    title: 'This server requires an access token',
    label: 'Token',
    send: 'Log in',
    wrong: 'The token is incorrect.',
    blocked: 'Too many attempts. Wait a minute, then try again.',
  },
  zh: {
    title: '请输入访问令牌',
    label: '访问令牌',
    send: '登录',
    wrong: '访问令牌不正确。',
    blocked: '尝试次数过多，请一分钟后再试。',
  },
};

/**
 * Returns the login form. It has no script, so nothing of the page is delivered without the token.
 * @param problem why the previous attempt failed
 */
export function loginPage(request: FastifyRequest, nonce: string, problem?: 'wrong' | 'blocked'): string {
  const language = /^\s*zh/i.test(request.headers['accept-language'] ?? '') ? 'zh' : 'en';
  const text = TEXTS[language];
  return `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>emotion2vec</title>
<style nonce="${nonce}">
  :root { color-scheme: light dark; --ink: #1d1b26; --paper: #faf8f4; --line: #cfc8bb; --accent: #6a3fa0; }
  @media (prefers-color-scheme: dark) { :root { --ink: #efeaf7; --paper: #15131b; --line: #453f52; --accent: #b794e6; } }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--paper); color: var(--ink);
    font: 1rem/1.5 system-ui, sans-serif; }
  form { width: min(22rem, 88vw); display: grid; gap: .75rem; }
  h1 { font-size: 1.25rem; margin: 0 0 .5rem; }
  input, button { font: inherit; padding: .6rem .8rem; border-radius: .5rem; border: 1px solid var(--line); }
  input { background: transparent; color: inherit; }
  button { background: var(--accent); border-color: var(--accent); color: var(--paper); cursor: pointer; }
  :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
</style>
</head>
<body>
<main>
<form method="post" action="${rootFrom(request.url)}login">
  <h1>${text.title}</h1>
  <label for="token">${text.label}</label>
  <input id="token" name="token" type="password" autocomplete="current-password" required autofocus${problem ? ' aria-describedby="problem"' : ''}>
  ${problem ? `<p id="problem" role="alert">${text[problem]}</p>` : ''}
  <button>${text.send}</button>
</form>
</main>
</body>
</html>
`;
}

/** Returns the relative URL from a path to the root of the server, which a proxy may have mounted under any path. */
function rootFrom(url: string): string {
  const depth = url.replace(/[?#].*$/s, '').split('/').length - 2;
  return '../'.repeat(Math.min(depth, MAX_DEPTH));
}
