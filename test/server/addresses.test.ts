/** Addresses of clients and proxies, and the bounded memory of attempts and sessions. */
import assert from 'node:assert/strict';

import { limitKey, plainAddress, trustOf } from '../../lib/server/address.js';
import { Attempts } from '../../lib/server/attempts.js';
import { Sessions } from '../../lib/server/sessions.js';

describe('the memory of', () => {
  it('failed attempts is bounded, by number and time', () => {
    const attempts = new Attempts(2, 60_000, 100);
    for (let i = 0; i < 1000; i++) attempts.add(`10.0.${i >> 8}.${i & 255}`, i);
    assert.equal(attempts.size, 100);
    attempts.add('a', 1000);
    assert.equal(attempts.blockedFor('a', 1000), 0);
    attempts.add('a', 2000);
    assert.equal(attempts.blockedFor('a', 3000), 58_000);
    assert.equal(attempts.blockedFor('a', 61_000), 0);
    attempts.add('b', 1_000_000);
    assert.equal(attempts.size, 1, 'old ones are dropped');
  });

  it('sessions is bounded: in number, to half a day without use, to a week in total', () => {
    const hour = 3_600_000;
    const sessions = new Sessions(3);
    const names = [1, 2, 3].map((at) => sessions.begin(at));
    assert.ok(sessions.has(names[0]!, 4));
    names.push(sessions.begin(5));
    assert.deepEqual(
      names.map((name) => sessions.has(name, 6)),
      [true, false, true, true],
      'the least recently used one is dropped',
    );
    assert.equal(sessions.size, 3);
    assert.ok(sessions.has(names[0]!, 11 * hour));
    assert.ok(!sessions.has(names[2]!, 13 * hour));
    for (let at = 20 * hour; at < 168 * hour; at += 10 * hour) assert.ok(sessions.has(names[0]!, at));
    assert.ok(!sessions.has(names[0]!, 168 * hour + 1));
    sessions.end(names[3]!);
    assert.equal(sessions.size, 0);
  });
});

describe('addresses', () => {
  it('have a canonical form', () => {
    for (const [text, plain, key] of [
      ['1.2.3.4', '1.2.3.4', '1.2.3.4'],
      ['1.2.3.4:80', '1.2.3.4', '1.2.3.4'],
      ['::ffff:1.2.3.4', '1.2.3.4', '1.2.3.4'],
      ['::FFFF:0102:0304', '1.2.3.4', '1.2.3.4'],
      ['[::1]:80', '0:0:0:0:0:0:0:1', '0:0:0:0::/64'],
      ['2001:DB8::1', '2001:db8:0:0:0:0:0:1', '2001:db8:0:0::/64'],
      ['2001:db8:0:0:1::', '2001:db8:0:0:1:0:0:0', '2001:db8:0:0::/64'],
      ['fe80::1%eth0', 'fe80:0:0:0:0:0:0:1', 'fe80:0:0:0::/64'],
      ['::', '0:0:0:0:0:0:0:0', '0:0:0:0::/64'],
    ] as const) {
      assert.equal(plainAddress(text), plain, text);
      assert.equal(limitKey(plain), key, text);
    }
    for (const text of ['', 'unknown', '_hidden', '1.2.3', '1.2.3.4.5', '01.2.3.4', '1.2.3.4:x', '::1::', undefined]) {
      assert.equal(plainAddress(text), undefined, text);
    }
  });

  it('of proxies are numbers, addresses, networks, and names of networks', () => {
    const trust = trustOf(['10.0.0.0/8', '2001:db8::/32', '192.0.2.1', 'loopback']);
    assert.ok(trust !== false);
    for (const address of [
      '10.1.2.3',
      '::ffff:10.1.2.3',
      '10.1.2.3:99',
      '2001:db8:5::1',
      '192.0.2.1',
      '127.9.9.9',
      '::1',
    ]) {
      assert.ok(trust(address, 5), address);
    }
    for (const address of ['11.0.0.1', '192.0.2.2', '2001:db9::1', 'unknown', ''])
      assert.ok(!trust(address, 0), address);
    assert.equal(trustOf(false), false);
    assert.equal(trustOf(0), false);
    const one = trustOf(true);
    assert.ok(one !== false && one('127.0.0.1', 0) && !one('127.0.0.1', 1) && !one('8.8.8.8', 0));
    const wrong = [
      -1,
      33,
      1.5,
      NaN,
      Infinity,
      ['x'],
      ['1.2.3.4/33'],
      ['1.2.3.4/0'],
      ['1.2.3.4/8/8'],
      ['::1/129'],
      [''],
    ];
    for (const proxies of wrong) assert.throws(() => trustOf(proxies), { name: 'TypeError' }, JSON.stringify(proxies));
  });
});
