import type { FastifyRequest } from 'fastify';

/** No path of ours is deeper. */
const MOST_DEPTH = 8;

const TEXTS = {
  en: {
    title: 'This server asks for its token',
    label: 'Token',
    send: 'Open',
    wrong: 'That is not the token.',
    often: 'That was often. Wait a minute.',
  },
  zh: {
    title: '此服务器需要访问令牌',
    label: '令牌',
    send: '进入',
    wrong: '令牌不正确。',
    often: '尝试次数过多，请稍等一分钟。',
  },
};

/**
 * What a person sees who has not given the token yet. No script, so that nothing of the page is there without it.
 * @param problem what was wrong with what they gave
 */
export function loginPage(request: FastifyRequest, nonce: string, problem?: 'wrong' | 'often'): string {
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
<form method="post" action="${upTo(request.url)}login">
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

/** The way from a path to the folder of the page, which a proxy may have put anywhere. */
function upTo(url: string): string {
  const depth = url.replace(/[?#].*$/s, '').split('/').length - 2;
  return '../'.repeat(Math.min(depth, MOST_DEPTH));
}
