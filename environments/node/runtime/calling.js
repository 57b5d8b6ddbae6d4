/**
 * How a function is called, and how what it gives back becomes an answer.
 *
 * | Signature | Answers by |
 * |---|---|
 * | `async (context) => …`, `async () => …` | returning `{status, body, headers}`, or just a body |
 * | `(context, callback) => …` | calling `callback(status, body, headers)` |
 * | either | using `context.response` as in Express |
 */
'use strict';

const { setHeaders } = require('./response');

/** Resolves when the function has run to its end; rejects with what it threw. */
async function call(target, request, response, realPath) {
  const context = { request, response, realPath };
  if (target.length >= 2) {
    await target(context, (status, body, headers) => answer(response, status, body, headers));
    return;
  }
  const value = await target(context);
  if (response.headersSent || response.writableEnded) return;
  if (value === undefined || value === null) {
    if (target.length > 0) return; // it has the response, and may use it later
    throw new TypeError('the function returned nothing; allowed is {status, body, headers}');
  }
  if (value instanceof Error) throw value;
  const parts = isAnswer(value) ? value : { body: value };
  await send(response, parts.status, parts.body, parts.headers);
}

/** What `callback` does: failures to send are the function's, and must not end the process. */
function answer(response, status, body, headers) {
  if (status instanceof Error) {
    fail(response, status);
    return;
  }
  send(response, status, body, headers).catch((error) => fail(response, error));
}

async function send(response, status = 200, body, headers) {
  if (response.headersSent || response.writableEnded) return;
  const code = Number(status);
  if (!Number.isInteger(code) || code < 200 || code > 599) {
    throw new RangeError(`the function's status: found ${status}, allowed is 200 to 599`);
  }
  response.status(code);
  if (headers) setHeaders(response, headers);
  try {
    await response.sendAnything(body);
  } catch (error) {
    if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error; // the caller has gone
  }
}

/** Log what went wrong; the caller learns no more than that it failed. */
function fail(response, error) {
  console.error(error);
  if (response.headersSent) {
    response.destroy(); // a cut answer is visible; one that looks whole is not
    return;
  }
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  response.status(500).type('text').send('Internal Server Error\n');
}

function isAnswer(value) {
  if (typeof value !== 'object' || typeof value.pipe === 'function') return false;
  return ['status', 'body', 'headers'].some((name) => name in value);
}

module.exports = { call, fail };
