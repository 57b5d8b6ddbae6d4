/** Express' methods of the response. */
'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { callFunction } = require('./memory');

async function respond(act) {
  return callFunction((context) => void act(context.response));
}

test('json sets type and body', async () => {
  const answer = await respond((response) => response.status(201).json({ a: 1 }));
  assert.strictEqual(answer.status, 201);
  assert.strictEqual(answer.headers['content-type'], 'application/json; charset=utf-8');
  assert.strictEqual(answer.body, '{"a":1}');
});

test('json of text is JSON', async () => {
  assert.strictEqual((await respond((response) => response.json('a'))).body, '"a"');
});

test('set takes names or an object, append adds', async () => {
  const answer = await respond((response) => {
    response.set('A', '1').set({ B: 2 }).append('A', '3').append('C', 'c').send('');
  });
  const { a, b, c } = answer.headers;
  assert.deepStrictEqual([a, b, c], [['1', '3'], '2', 'c']);
});

test('type takes short names', async () => {
  const answer = await respond((response) => response.type('.csv').send('a,b'));
  assert.strictEqual(answer.headers['content-type'], 'text/csv; charset=utf-8');
});

test('sendStatus says the status in words', async () => {
  const answer = await respond((response) => response.sendStatus(404));
  assert.deepStrictEqual([answer.status, answer.body], [404, 'Not Found']);
});

test('redirect', async () => {
  const one = await respond((response) => response.redirect('/there?q=ä'));
  assert.deepStrictEqual([one.status, one.headers.location], [302, '/there?q=%C3%A4']);
  const two = await respond((response) => response.redirect(308, '/a%20b'));
  assert.deepStrictEqual([two.status, two.headers.location], [308, '/a%20b']);
});

test('cookies', async () => {
  const answer = await respond((response) => {
    response.cookie('a', 'b c', { httpOnly: true, sameSite: 'lax', maxAge: 60000, path: '/x' });
    response.clearCookie('old').send('');
  });
  const [made, cleared] = answer.headers['set-cookie'];
  assert.match(made, /^a=b%20c; Max-Age=60; Path=\/x; Expires=.*; HttpOnly; SameSite=Lax$/);
  assert.match(cleared, /^old=; Path=\/; Expires=Thu, 01 Jan 1970/);
});

test('attachment names are escaped', async () => {
  const answer = await respond((response) => response.attachment('a"ü.pdf').send(Buffer.from('x')));
  assert.strictEqual(
    answer.headers['content-disposition'],
    `attachment; filename="a__.pdf"; filename*=UTF-8''a%22%C3%BC.pdf`,
  );
  assert.strictEqual(answer.headers['content-type'], 'application/pdf');
});
