/** The answers by path. */
'use strict';

const { setTimeout: wait } = require('node:timers/promises');

exports.echo = async ({ request }) => ({ status: 200, body: await readBody(request) });

exports.request = ({ request }) => {
  const lines = [`${request.method} ${request.url}`];
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    lines.push(`${request.rawHeaders[i].toLowerCase()}: ${request.rawHeaders[i + 1]}`);
  }
  return { status: 200, body: lines.map((line) => `${line}\n`).join('') };
};

exports.status = () => ({
  status: 418,
  body: 'teapot',
  headers: { 'X-Sample': 'yes', 'Content-Type': 'text/x-sample' },
});

exports.empty = () => ({ status: 200 });

exports.error = () => {
  throw new Error('sample failure');
};

exports.big = () => ({ status: 200, body: 'x'.repeat(1048576) });

exports.slow = async ({ request }) => {
  console.error('started');
  await wait(Number(await readBody(request)));
  return { status: 200, body: 'slept' };
};

exports.stream = async ({ request, response }) => {
  const pause = Number(await readBody(request));
  response.write('one\n');
  await wait(pause);
  response.end('two\n');
};

exports.env = async ({ request }) => ({
  status: 200,
  body: process.env[(await readBody(request)).toString()] || '',
});

exports.log = () => {
  console.log('to stdout');
  console.error('to stderr');
  return { status: 200, body: 'logged' };
};

/** Bodies of types that the server does not parse are still in the stream. */
async function readBody(request) {
  if (request.rawBody !== undefined) return request.rawBody;
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
}
