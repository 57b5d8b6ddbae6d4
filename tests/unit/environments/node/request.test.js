/** Express' parts of the request. */
'use strict';

const assert = require('node:assert');
const test = require('node:test');
const zlib = require('node:zlib');

const { callFunction, runtimeModule } = require('./memory');

/** What `look` sees of the request. */
async function see(look, options) {
  let seen;
  const answer = await callFunction((context) => {
    seen = look(context.request);
    context.response.end();
  }, options);
  return seen === undefined ? answer : seen;
}

test('path, url, query', async () => {
  const url = '/a/b?x=1&x=2&y=%C3%A4+b&f&u[n][m]=3&l[]=4&l[]=5&i[1]=b&i[0]=a';
  const seen = await see((r) => [r.path, r.url, r.originalUrl, r.query], { url });
  assert.deepStrictEqual(seen.slice(0, 3), ['/a/b', url, url]);
  assert.deepStrictEqual(JSON.parse(JSON.stringify(seen[3])), {
    x: ['1', '2'],
    y: 'ä b',
    f: '',
    u: { n: { m: '3' } },
    l: ['4', '5'],
    i: ['a', 'b'],
  });
});

test('a query reaches no prototype and has bounds', () => {
  const { parse } = runtimeModule('query');
  assert.strictEqual(
    parse('__proto__[polluted]=1&a[constructor][prototype][polluted]=1').polluted,
    undefined,
  );
  assert.strictEqual({}.polluted, undefined);
  assert.strictEqual(
    Object.keys(parse(Array.from({ length: 5000 }, (_, i) => `k${i}`).join('&'))).length,
    1000,
  );
  assert.ok(JSON.stringify(parse(`a${'[b]'.repeat(100)}=1`)).length < 500);
  assert.deepStrictEqual({ ...parse('a[500]=x').a }, { 500: 'x' });
  assert.strictEqual(parse('%zz=%').hasOwnProperty, undefined);
});

test('random queries are read without an error', () => {
  const { parse } = runtimeModule('query');
  const letters = 'ab[]=&%2+0';
  for (let round = 0; round < 3000; round++) {
    const length = Math.floor(Math.random() * 40);
    parse(
      Array.from({ length }, () => letters[Math.floor(Math.random() * letters.length)]).join(''),
    );
  }
});

test('get, params in any case, cookies', async () => {
  const headers = {
    'X-Thing': 'a',
    Referer: 'r',
    'X-Fission-Params-UserId': 'ada',
    Cookie: 'a=1; b="x%20y"; a=2; broken',
  };
  const seen = await see(
    (r) => [r.get('x-THING'), r.header('referrer'), r.params.userId, r.params.userid, r.cookies],
    { headers },
  );
  assert.deepStrictEqual(seen.slice(0, 4), ['a', 'r', 'ada', 'ada']);
  assert.deepStrictEqual({ ...seen[4] }, { a: '1', b: 'x y' });
});

test('where it came from', async () => {
  const headers = {
    'X-Forwarded-Host': 'shop.example:8443',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-For': '1.2.3.4, 10.0.0.1',
    'X-Requested-With': 'XMLHttpRequest',
  };
  const seen = await see((r) => [r.hostname, r.protocol, r.secure, r.ip, r.ips, r.xhr], {
    headers,
  });
  const ips = ['1.2.3.4', '10.0.0.1'];
  assert.deepStrictEqual(seen, ['shop.example', 'https', true, '1.2.3.4', ips, true]);
});

test('what is accepted', async () => {
  const headers = {
    Accept: 'text/html;q=0.5, application/json, image/*;q=0.1',
    'Accept-Encoding': 'gzip, br;q=0.9',
    'Accept-Language': 'de, en;q=0.5',
    'Content-Type': 'application/vnd.api+json; charset=utf-8',
  };
  const seen = await see(
    (r) => [
      r.accepts('html', 'json'),
      r.accepts(['html', 'png']),
      r.accepts('csv'),
      r.acceptsEncodings('br', 'gzip'),
      r.acceptsLanguages('en', 'de'),
      r.is('+json'),
      r.is('json', 'html'),
    ],
    { headers },
  );
  const expected = ['json', 'html', false, 'gzip', 'de', 'application/vnd.api+json', false];
  assert.deepStrictEqual(seen, expected);
});

const bodies = [
  ['application/json', '{"a": 1}', { a: 1 }],
  ['application/cloudevents+json', '{"a": 1}', { a: 1 }],
  ['application/json; charset=utf-8', '5', 5],
  ['application/x-www-form-urlencoded', 'a=1&b=x+y', { a: '1', b: 'x y' }],
  ['text/plain; charset=latin1', Buffer.from([0xe4]), 'ä'],
  ['application/octet-stream', 'raw', Buffer.from('raw')],
  ['multipart/form-data', 'left', {}],
];
for (const [type, body, expected] of bodies) {
  test(`a body of ${type}`, async () => {
    const headers = { 'Content-Type': type };
    const seen = await see((r) => [r.body, r.rawBody], { method: 'POST', headers, body });
    const plain = Buffer.isBuffer(seen[0]) ? seen[0] : JSON.parse(JSON.stringify(seen[0]));
    assert.deepStrictEqual(plain, expected);
    if (type !== 'multipart/form-data') assert.deepStrictEqual(seen[1], Buffer.from(body));
  });
}

test('a body that is not parsed is a stream', async () => {
  const target = async ({ request, response }) => void request.pipe(response);
  const answer = await callFunction(target, { method: 'PATCH', body: 'streamed' });
  assert.strictEqual(answer.body, 'streamed');
});

test('compressed bodies', async () => {
  for (const [encoding, compress] of [
    ['gzip', zlib.gzipSync],
    ['deflate', zlib.deflateSync],
    ['br', zlib.brotliCompressSync],
  ]) {
    const headers = { 'Content-Type': 'application/json', 'Content-Encoding': encoding };
    const body = compress('{"a":1}');
    assert.deepStrictEqual(await see((r) => r.body, { method: 'POST', headers, body }), { a: 1 });
  }
});

const refused = [
  [400, { 'Content-Type': 'application/json' }, '{broken'],
  [400, { 'Content-Type': 'application/json' }, Buffer.from([0x22, 0xff, 0x22])],
  [400, { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' }, 'no gzip'],
  [413, { 'Content-Type': 'text/plain' }, 'x'.repeat(1001)],
  [
    413,
    { 'Content-Type': 'text/plain', 'Content-Encoding': 'gzip' },
    zlib.gzipSync('x'.repeat(9000)),
  ],
  [415, { 'Content-Type': 'text/plain', 'Content-Encoding': 'zstd' }, 'x'],
  [415, { 'Content-Type': 'text/plain; charset=klingon' }, 'x'],
];
for (const [status, headers, body] of refused) {
  test(`${status} for ${JSON.stringify(headers)} and ${body.length} bytes`, async () => {
    const answer = await callFunction(() => assert.fail('called'), {
      method: 'POST',
      headers,
      body,
    });
    assert.strictEqual(answer.status, status);
  });
}

test('BODY_PARSER_LIMIT', () => {
  const { parseLimit } = runtimeModule('body');
  assert.deepStrictEqual(['1mb', '500kb', '2048', '1.5 KB'].map(parseLimit), [
    1 << 20,
    512000,
    2048,
    1536,
  ]);
  assert.throws(() => parseLimit('much'), /BODY_PARSER_LIMIT: found "much", allowed is a size/);
});
