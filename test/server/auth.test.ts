/** Tokens, sessions, and limits of wrong tokens; behind a real nginx if it is installed. */
import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';

import { hasNginx, nginx } from '../support/nginx.js';
import { type TestServer, testServer } from '../support/server.js';

const TOKEN = 'open sesame';
const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
type Headers = Record<string, string>;

const login = ({ app }: TestServer, token: string, headers: Headers = {}) =>
  app.inject({
    method: 'POST',
    url: '/login',
    headers: { ...FORM, ...headers },
    payload: new URLSearchParams({ token }).toString(),
  });
const bearer = ({ app }: TestServer, token: string, headers: Headers = {}) =>
  app.inject({ url: '/api/status', headers: { authorization: `Bearer ${token}`, ...headers } });
/** The cookie of an answer, as a browser sends it back. */
const cookieOf = (answer: { headers: Record<string, unknown> }) => String(answer.headers['set-cookie']).split(';')[0]!;
const failures = async ({ app }: TestServer) => {
  const { body } = await app.inject({ url: '/metrics', headers: { authorization: `Bearer ${TOKEN}` } });
  const found = [...body.matchAll(/^emotion2vec_auth_failures_total\{kind="(\w+)"\} (\d+)$/gm)];
  return Object.fromEntries(found.map(([, kind, count]): [string, number] => [kind!, Number(count)]));
};

describe('wrong tokens', () => {
  const options = { security: { token: TOKEN } };

  it('are limited, as a bearer and by login together, and counted and logged with their address', async () => {
    await using server = await testServer({ ...options, trustProxy: 1 });
    const from = (ip: string) => ({ 'x-forwarded-for': ip });
    const statuses = [];
    for (let i = 0; i < 7; i++) statuses.push((await bearer(server, `guess ${i}`, from('203.0.113.5'))).statusCode);
    for (let i = 0; i < 5; i++) statuses.push((await login(server, `guess ${i}`, from('203.0.113.5'))).statusCode);
    assert.deepEqual(statuses, [...Array<number>(10).fill(401), 429, 429]);
    const late = await bearer(server, TOKEN, from('203.0.113.5'));
    assert.equal(late.statusCode, 429, 'even for the right token');
    assert.ok(Number(late.headers['retry-after']) >= 1);
    assert.equal((await bearer(server, TOKEN, from('203.0.113.6'))).statusCode, 200, 'another address');
    assert.deepEqual(await failures(server), { bearer: 7, login: 3, cookie: 0 });
    const logged = server.logged.filter(({ msg }) => msg === 'authentication failed');
    assert.equal(logged.length, 10);
    assert.ok(logged.every(({ ip, level }) => ip === '203.0.113.5' && level === 40));
    assert.ok(!JSON.stringify(server.logged).includes('guess'), 'the log has no tokens');
  });

  it('of one IPv6 network, or of an IPv4 address mapped into IPv6, count as those of one address', async () => {
    await using server = await testServer({ ...options, trustProxy: 1 });
    for (let i = 0; i < 10; i++) await bearer(server, 'x', { 'x-forwarded-for': `2001:db8:1:2:${i}::${i}` });
    assert.equal((await bearer(server, TOKEN, { 'x-forwarded-for': '2001:db8:1:2:ffff::1' })).statusCode, 429);
    assert.equal((await bearer(server, TOKEN, { 'x-forwarded-for': '2001:db8:1:3::1' })).statusCode, 200);
    for (let i = 0; i < 10; i++) await bearer(server, 'x', { 'x-forwarded-for': '::ffff:198.51.100.7' });
    for (const same of ['198.51.100.7', '::ffff:c633:6407', '198.51.100.7:4711', '[::ffff:198.51.100.7]:80']) {
      assert.equal((await bearer(server, TOKEN, { 'x-forwarded-for': same })).statusCode, 429, same);
    }
  });

  it('count for the peer unless a trusted proxy names the client', async () => {
    for (const trustProxy of [false, ['192.0.2.1'], 1] as const) {
      await using server = await testServer({ ...options, trustProxy });
      const spoofed = (i: number) => (trustProxy === 1 ? `unknown ${i}` : `203.0.113.${i}`);
      for (let i = 0; i < 10; i++) await bearer(server, 'x', { 'x-forwarded-for': spoofed(i) });
      const next = await bearer(server, TOKEN, { 'x-forwarded-for': spoofed(11) });
      assert.equal(next.statusCode, 429, JSON.stringify(trustProxy));
    }
    // If proxies are counted, a peer on the internet is not taken for one.
    await using server = await testServer({ ...options, trustProxy: 2 });
    const direct = (i: number, token: string) =>
      server.app.inject({
        url: '/api/status',
        remoteAddress: '8.8.8.8',
        headers: { authorization: `Bearer ${token}`, 'x-forwarded-for': `203.0.113.${i}, 203.0.113.${i}` },
      });
    for (let i = 0; i < 10; i++) await direct(i, 'x');
    assert.equal((await direct(11, TOKEN)).statusCode, 429);
  });

  it('do not affect sessions, and cookies of ended sessions are not counted', async () => {
    await using server = await testServer(options);
    const cookie = cookieOf(await login(server, TOKEN));
    const name = cookie.split('=')[0]!;
    const visit = (cookie: string) => server.app.inject({ url: '/api/status', headers: { cookie } });
    for (let i = 0; i < 20; i++) assert.equal((await visit(`${name}=${'x'.repeat(43)}`)).statusCode, 401);
    assert.equal((await bearer(server, TOKEN)).statusCode, 200);
    assert.deepEqual(await failures(server), { bearer: 0, login: 0, cookie: 20 });
    for (let i = 0; i < 12; i++) await bearer(server, 'x');
    assert.equal((await visit(cookie)).statusCode, 200);
  });

  it('behind nginx count for its client, which cannot choose an address', async function () {
    if (!hasNginx) {
      console.log('      skipped: nginx is not installed (apt-get install nginx-light)');
      this.skip();
    }
    await using server = await testServer({ ...options, trustProxy: 1, security: { token: TOKEN, localOnly: false } });
    await server.app.listen({ port: 0, host: '127.0.0.1' });
    const { port } = server.app.server.address() as AddressInfo;
    await using proxy = await nginx({ '/': port });
    await using outer = await nginx({ '/': proxy.port });
    const guess = (url: string, i: number, token = `guess ${i}`) =>
      fetch(`${url}/api/status`, {
        headers: { authorization: `Bearer ${token}`, 'x-forwarded-for': `10.9.${i}.1, 203.0.113.${i}` },
      });
    const statuses = [];
    for (let i = 0; i < 30; i++) statuses.push((await guess(proxy.url, i)).status);
    assert.deepEqual(statuses, [...Array<number>(10).fill(401), ...Array<number>(20).fill(429)]);
    const ips = server.logged.filter(({ msg }) => msg === 'request').map(({ ip }) => ip);
    assert.deepEqual([...new Set(ips)], ['127.0.0.1']);
    assert.equal((await guess(outer.url, 1, TOKEN)).status, 429, 'one hop: the outer proxy is the client');
    for (const [word, value] of [
      ['login', '/login'],
      ['logout', '/logout'],
    ] as const) {
      const answer = await fetch(`${proxy.url}${value}`, { method: 'POST', headers: FORM, redirect: 'manual' });
      assert.equal(answer.status, word === 'login' ? 429 : 303);
    }
  });
});

describe('a session', () => {
  const options = { security: { token: TOKEN } };

  it('has a random name that does not depend on the token', async () => {
    await using server = await testServer(options);
    await using other = await testServer(options);
    const [first, second, third] = [await login(server, TOKEN), await login(server, TOKEN), await login(other, TOKEN)];
    const given = [first, second, third].map((answer) => String(answer.headers['set-cookie']));
    for (const cookie of given) {
      assert.match(cookie, /^emotion2vec_[0-9a-f]+=[\w-]{43}; Max-Age=604800; HttpOnly; SameSite=Strict$/);
    }
    const [a, b, c] = given.map((cookie) => cookie.split(/[=;]/));
    assert.notEqual(a![1], b![1]);
    assert.equal(a![0], b![0]);
    assert.notEqual(a![0], c![0], 'servers on one host have different names');
    assert.equal(
      (await other.app.inject({ url: '/api/status', headers: { cookie: `${c![0]}=${a![1]}` } })).statusCode,
      401,
    );
  });

  it('ends by logout, which needs no token', async () => {
    await using server = await testServer(options);
    const [mine, theirs] = [cookieOf(await login(server, TOKEN)), cookieOf(await login(server, TOKEN))];
    const ask = async (cookie: string) =>
      (await server.app.inject({ url: '/api/status', headers: { cookie } })).statusCode;
    assert.deepEqual([await ask(mine), await ask(theirs)], [200, 200]);
    const out = await server.app.inject({ method: 'POST', url: '/logout', headers: { ...FORM, cookie: mine } });
    assert.deepEqual([out.statusCode, out.headers['location']], [303, './']);
    assert.match(String(out.headers['set-cookie']), /^emotion2vec_\w+=; Max-Age=0;/);
    assert.deepEqual([await ask(mine), await ask(theirs)], [401, 200]);
    for (const cookie of ['', 'x=y', mine]) {
      const again = await server.app.inject({ method: 'POST', url: '/logout', headers: { cookie } });
      assert.equal(again.statusCode, 303);
    }
  });

  it('cannot be begun or ended by another site', async () => {
    for (const localOnly of [true, false]) {
      await using server = await testServer({ security: { token: TOKEN, localOnly } });
      const cookie = cookieOf(await login(server, TOKEN));
      for (const site of ['cross-site', 'same-site']) {
        const foreign = { 'sec-fetch-site': site, origin: 'https://evil.example', host: 'localhost' };
        assert.equal((await login(server, TOKEN, foreign)).statusCode, 403);
        const out = await server.app.inject({ method: 'POST', url: '/logout', headers: { ...foreign, cookie } });
        assert.equal(out.statusCode, 403);
        const removal = { method: 'DELETE', url: '/api/results/x', headers: { ...foreign, cookie } } as const;
        assert.equal((await server.app.inject(removal)).statusCode, 403);
      }
      assert.equal((await server.app.inject({ url: '/api/status', headers: { cookie } })).statusCode, 200);
      assert.equal(
        (await login(server, TOKEN, { 'sec-fetch-site': 'same-origin', origin: 'null', host: 'localhost' })).statusCode,
        303,
      );
    }
  });

  it('is only sent over HTTPS if it was begun over HTTPS', async () => {
    await using server = await testServer({ ...options, trustProxy: 1 });
    const secure = await login(server, TOKEN, { 'x-forwarded-for': '1.2.3.4', 'x-forwarded-proto': 'https' });
    assert.match(String(secure.headers['set-cookie']), /; Secure/);
    await using direct = await testServer(options);
    const plain = await login(direct, TOKEN, { 'x-forwarded-proto': 'https' });
    assert.doesNotMatch(String(plain.headers['set-cookie']), /Secure/);
  });

  it('does not interfere with those of servers under other paths and ports of the host', async function () {
    if (!hasNginx) {
      console.log('      skipped: nginx is not installed (apt-get install nginx-light)');
      this.skip();
    }
    const servers = [];
    try {
      for (let i = 0; i < 2; i++) {
        const server = await testServer({ trustProxy: 1, security: { token: `${TOKEN} ${i}`, localOnly: false } });
        servers.push(server);
        await server.app.listen({ port: 0, host: '127.0.0.1' });
      }
      const [one, two] = servers.map(({ app }) => (app.server.address() as AddressInfo).port);
      await using proxy = await nginx({ '/one/': one!, '/two/': two! });
      const jar = new Map<string, string>();
      const ask = async (path: string, token?: string) => {
        const headers = {
          cookie: Array.from(jar, ([name, value]) => `${name}=${value}`).join('; '),
          accept: 'text/html',
        };
        const body = token === undefined ? undefined : new URLSearchParams({ token });
        const method = body === undefined ? 'GET' : 'POST';
        const answer = await fetch(proxy.url + path, { method, headers, body: body ?? null, redirect: 'manual' });
        for (const cookie of answer.headers.getSetCookie()) {
          const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)!;
          jar.set(name!, value!);
          assert.doesNotMatch(cookie, /Path=/i, 'the browser uses the path that it requested');
        }
        return answer;
      };
      for (const path of ['/one/docs/static/x', '/two/api/results/x', '/one/']) {
        const page = await ask(path);
        assert.equal(page.status, 401);
        const action = /action="([^"]*)"/.exec(await page.text())![1]!;
        assert.equal(new URL(action, proxy.url + path).pathname, `/${path.split('/')[1]}/login`);
      }
      const entered = await ask('/one/login', `${TOKEN} 0`);
      assert.equal(entered.status, 303);
      assert.equal(new URL(entered.headers.get('location')!, `${proxy.url}/one/login`).pathname, '/one/');
      assert.equal((await ask('/two/login', `${TOKEN} 1`)).status, 303);
      assert.deepEqual([(await ask('/one/api/status')).status, (await ask('/two/api/status')).status], [200, 200]);
    } finally {
      for (const server of servers) await server[Symbol.asyncDispose]();
    }
  });
});
