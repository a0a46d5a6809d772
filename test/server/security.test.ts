import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import helmet from 'helmet';

import { SECURITY_HEADERS } from '../../lib/server/headers.js';
import { fixture } from '../support/paths.js';
import { testServer } from '../support/server.js';

const speech = readFileSync(fixture('speech.wav'));
const post = { method: 'POST', url: '/api/recognize', payload: speech } as const;
const type = { 'content-type': 'audio/wav' };
const codeOf = (answer: { json: <T>() => T }) => answer.json<{ error: { code: string } }>().error.code;

describe('a server with a token', () => {
  const options = { security: { token: 'open sesame' } };

  it('requires it on every route except health checks', async () => {
    await using server = await testServer(options);
    for (const url of ['/', '/docs', '/openapi.json', '/metrics', '/api/status', '/api/results', '/nothing']) {
      const answer = await server.app.inject(url);
      assert.deepEqual([answer.statusCode, codeOf(answer)], [401, 'ERR_UNAUTHORIZED'], url);
      assert.equal(answer.headers['www-authenticate'], 'Bearer');
    }
    assert.equal((await server.app.inject('/v2')).statusCode, 401);
    assert.equal((await server.app.inject({ ...post, headers: type })).statusCode, 401);
    for (const url of ['/v2/health/live', '/v2/health/ready'])
      assert.equal((await server.app.inject(url)).statusCode, 200);
  });

  it('accepts it as a bearer', async () => {
    await using server = await testServer(options);
    const ask = (authorization: string) => server.app.inject({ url: '/api/status', headers: { authorization } });
    assert.equal((await ask('Bearer open sesame')).statusCode, 200);
    for (const wrong of ['Bearer open', 'Bearer open sesame!', 'open sesame', 'Basic b3BlbiBzZXNhbWU=', 'Bearer ']) {
      assert.equal((await ask(wrong)).statusCode, 401, wrong);
    }
  });

  it('has a login form, which sets a cookie that scripts cannot read', async () => {
    await using server = await testServer(options);
    const page = await server.app.inject({ url: '/', headers: { accept: 'text/html', 'accept-language': 'zh-CN' } });
    assert.equal(page.statusCode, 401);
    assert.match(page.body, /<form method="post" action="login">/);
    assert.match(page.body, /lang="zh"/);
    assert.ok(!page.body.includes('<script'));
    const login = (token: string, accept = '*/*') =>
      server.app.inject({
        method: 'POST',
        url: '/login',
        headers: { 'content-type': 'application/x-www-form-urlencoded', accept },
        payload: new URLSearchParams({ token }).toString(),
      });
    const wrong = await login('sesame');
    assert.deepEqual([wrong.statusCode, wrong.headers['set-cookie']], [401, undefined]);
    const right = await login('open sesame');
    assert.equal(right.statusCode, 303);
    const cookie = String(right.headers['set-cookie']);
    assert.match(cookie, /; HttpOnly; SameSite=Strict$/);
    assert.ok(!cookie.includes('sesame'));
    const inside = await server.app.inject({
      url: '/',
      headers: { cookie: cookie.split(';')[0]!, accept: 'text/html' },
    });
    assert.equal(inside.statusCode, 200);
    const forged = await server.app.inject({
      url: '/',
      headers: { cookie: `${cookie.split('=')[0]}=${'0'.repeat(64)}` },
    });
    assert.equal(forged.statusCode, 401);
    let last = wrong;
    for (let i = 0; i < 12; i++) last = await login(`guess ${i}`);
    assert.deepEqual([last.statusCode, codeOf(last)], [429, 'ERR_RATE_LIMITED'], 'after too many attempts');
    const seen = await login('guess', 'text/html');
    assert.equal(seen.statusCode, 429);
    assert.match(seen.body, /<p id="problem" role="alert">[^<]+/);
  });

  it('refuses an empty one', async () => {
    for (const token of ['', ' ']) {
      await assert.rejects(async () => testServer({ security: { token } }), { name: 'TypeError', message: /token/ });
    }
  });
});

describe('a server on a loopback address', () => {
  it('refuses other host names, against DNS rebinding', async () => {
    await using server = await testServer();
    for (const host of ['localhost:7860', '127.0.0.1:7860', '[::1]:7860', 'emotion.localhost']) {
      assert.equal((await server.app.inject({ url: '/api/status', headers: { host } })).statusCode, 200, host);
    }
    const answer = await server.app.inject({ url: '/api/status', headers: { host: 'evil.example' } });
    assert.deepEqual([answer.statusCode, codeOf(answer)], [403, 'ERR_FORBIDDEN']);
  });

  it('refuses requests of other sites', async () => {
    await using server = await testServer();
    const from = (origin: string) =>
      server.app.inject({ ...post, headers: { ...type, host: 'localhost:7860', origin } });
    for (const origin of ['https://evil.example', 'http://localhost:7861', 'http://localhost', 'null']) {
      const answer = await from(origin);
      assert.deepEqual([answer.statusCode, codeOf(answer)], [403, 'ERR_FORBIDDEN'], origin);
      assert.match(answer.body, /--cors-origin/);
      assert.equal(answer.headers['access-control-allow-origin'], undefined);
    }
    assert.equal((await from('http://localhost:7860')).statusCode, 200, 'its own page');
    const form = { ...type, origin: 'null', 'sec-fetch-site': 'same-origin' };
    assert.equal((await server.app.inject({ ...post, headers: form })).statusCode, 200, 'a form of its own page');
  });

  it('accepts sites of the CORS option', async () => {
    await using server = await testServer({ security: { corsOrigins: ['https://app.example'] } });
    const headers = { ...type, origin: 'https://app.example' };
    const answer = await server.app.inject({ ...post, headers });
    assert.equal(answer.statusCode, 200);
    assert.equal(answer.headers['access-control-allow-origin'], 'https://app.example');
    const asked = await server.app.inject({
      method: 'OPTIONS',
      url: '/api/results/x',
      headers: { origin: 'https://app.example', 'access-control-request-method': 'DELETE' },
    });
    assert.match(String(asked.headers['access-control-allow-methods']), /DELETE/);
  });
});

describe('protection', () => {
  it('limits requests that run the model by address', async () => {
    await using server = await testServer({ security: { rateLimit: 3 }, trustProxy: 1 });
    const from = (ip: string) => server.app.inject({ ...post, headers: { ...type, 'x-forwarded-for': ip } });
    const answers = [];
    for (let i = 0; i < 5; i++) answers.push(await from('10.0.0.1'));
    assert.deepEqual(
      answers.map(({ statusCode }) => statusCode),
      [200, 200, 200, 429, 429],
    );
    assert.equal(codeOf(answers[4]!), 'ERR_RATE_LIMITED');
    assert.ok(Number(answers[4]!.headers['retry-after']) > 0);
    assert.equal((await from('10.0.0.2')).statusCode, 200);
    assert.equal(
      (await server.app.inject({ url: '/api/results', headers: { 'x-forwarded-for': '10.0.0.1' } })).statusCode,
      200,
    );
  });

  it('sends the page with a policy that refuses other hosts', async () => {
    await using server = await testServer();
    const [first, second] = [await server.app.inject('/'), await server.app.inject('/')];
    const policy = String(first.headers['content-security-policy']);
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.ok(!/unsafe|https?:|\*/.test(policy), policy);
    const nonce = /style-src 'self' 'nonce-([^']+)'/.exec(policy)![1]!;
    assert.ok(first.body.includes(`content="${nonce}"`));
    assert.ok(!second.body.includes(nonce), 'a new one each time');
    assert.equal(first.headers['x-content-type-options'], 'nosniff');
    assert.ok(!/(src|href)="(https?:)?\/\//.test(first.body), 'nothing from another host');
  });

  it('sends the headers of helmet', () => {
    const names: Record<string, string> = {};
    const directives: Record<string, string[]> = {};
    for (const directive of SECURITY_HEADERS['content-security-policy'].split(';')) {
      const [name, ...sources] = directive.split(' ');
      directives[name!] = sources;
    }
    const middleware = helmet({
      strictTransportSecurity: false,
      contentSecurityPolicy: { useDefaults: false, directives },
    });
    const setHeader = (name: string, value: string) => (names[name.toLowerCase()] = value);
    middleware({} as never, { setHeader, removeHeader: () => undefined } as never, (error) => assert.ifError(error));
    assert.deepEqual({ ...SECURITY_HEADERS }, names);
  });

  it('answers with the request id of a proxy', async () => {
    await using server = await testServer();
    const answer = await server.app.inject({ url: '/v2', headers: { 'x-request-id': 'abc-1' } });
    assert.equal(answer.headers['x-request-id'], 'abc-1');
    const odd = await server.app.inject({ url: '/v2', headers: { 'x-request-id': 'a b' } });
    assert.match(String(odd.headers['x-request-id']), /^[0-9a-f-]{36}$/);
  });
});
