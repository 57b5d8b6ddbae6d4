/** What functions may look like, and what becomes of what they give back. */
'use strict';

const assert = require('node:assert');
const { Readable } = require('node:stream');
const test = require('node:test');

const { callFunction } = require('./memory');

const answers = [
  [
    'status, body, headers',
    async () => ({ status: 201, body: 'made', headers: { 'X-A': 'b' } }),
    201,
    'made',
  ],
  ['no parameter', () => ({ status: 200, body: 'plain' }), 200, 'plain'],
  ['a callback', (context, callback) => callback(202, 'later'), 202, 'later'],
  ['a late callback', (context, callback) => setImmediate(callback, 200, 'late'), 200, 'late'],
  ['the response itself', (context) => void context.response.status(203).send('own'), 203, 'own'],
  ['pieces', async ({ response }) => { response.write('a'); response.end('b'); }, 200, 'ab'], // prettier-ignore
  ['an object', async () => ({ status: 200, body: { a: [1] } }), 200, '{"a":[1]}'],
  ['a value that is no answer', async () => ({ hello: 'you' }), 200, '{"hello":"you"}'],
  ['text alone', async () => 'text', 200, 'text'],
  ['bytes', async () => ({ status: 200, body: Buffer.from('by') }), 200, 'by'],
  ['a typed array', async () => ({ status: 200, body: new Uint8Array([97, 98]) }), 200, 'ab'],
  ['a number', async () => ({ status: 200, body: 42 }), 200, '42'],
  ['no body', async () => ({ status: 204, body: 'left out' }), 204, ''],
  ['a status as text', async () => ({ status: '404', body: 'no' }), 404, 'no'],
  ['a stream', async () => ({ status: 200, body: Readable.from(['x', 'y']) }), 200, 'xy'],
  ['a web stream', async () => ({ status: 200, body: new Blob(['web']).stream() }), 200, 'web'],
  ['a web response', async () => new Response('web', { status: 206 }), 206, 'web'],
  ['a generator', async () => ({ body: (function* () { yield '1'; yield '2'; })() }), 200, '12'], // prettier-ignore
];

for (const [name, target, status, body] of answers) {
  test(`a function may answer with ${name}`, async () => {
    const answer = await callFunction(target);
    assert.deepStrictEqual([answer.status, answer.body], [status, body]);
  });
}

const failures = [
  ['throws', () => { throw new Error('secret'); }], // prettier-ignore
  ['rejects', async () => { throw new Error('secret'); }], // prettier-ignore
  ['has no parameter and returns nothing', async () => {}],
  ['has a status that is none', async () => ({ status: 99, body: 'x' })],
  ['has a header that is none', async () => ({ status: 200, headers: { 'a\nb': 'c' } })],
  ['calls back with an error', (context, callback) => callback(new Error('secret'))],
  ['calls back with nonsense', (context, callback) => callback('no status')],
  ['gives an error back', async () => new Error('secret')],
  ['cannot be JSON', async () => ({ status: 200, body: { big: 1n } })],
];

for (const [name, target] of failures) {
  test(`a function that ${name} is answered 500 and logged`, async (t) => {
    const log = t.mock.method(console, 'error', () => {});
    const answer = await callFunction(target);
    assert.deepStrictEqual([answer.status, answer.body], [500, 'Internal Server Error\n']);
    assert.strictEqual(log.mock.callCount(), 1);
  });
}

test('an answer that fails midway is cut, not ended', async (t) => {
  t.mock.method(console, 'error', () => {});
  const answer = await callFunction(async ({ response }) => {
    response.write('half');
    throw new Error('midway');
  });
  assert.ok(!answer.body.endsWith('0\r\n\r\n'));
});

test('headers of another connection are not taken over', async () => {
  const headers = {
    'Transfer-Encoding': 'chunked',
    'content-length': 99,
    Connection: 'x',
    'X-A': ['1', '2'],
  };
  const answer = await callFunction(async () => ({ status: 200, body: 'abc', headers }));
  assert.strictEqual(answer.headers['content-length'], '3');
  assert.strictEqual(answer.headers['transfer-encoding'], undefined);
  assert.deepStrictEqual(answer.headers['x-a'], ['1', '2']);
});

test('HEAD has the headers of GET and no body', async () => {
  const answer = await callFunction(async () => ({ status: 200, body: 'abc' }), { method: 'HEAD' });
  assert.deepStrictEqual([answer.headers['content-length'], answer.body], ['3', '']);
});

const types = [
  ['text', 'text/html; charset=utf-8'],
  [{ a: 1 }, 'application/json; charset=utf-8'],
  [Buffer.from('b'), 'application/octet-stream'],
];
for (const [body, type] of types) {
  test(`${type} is the type of ${JSON.stringify(body)}`, async () => {
    const answer = await callFunction(async () => ({ status: 200, body }));
    assert.strictEqual(answer.headers['content-type'], type);
  });
}
