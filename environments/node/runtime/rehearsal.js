/**
 * A rehearsal: functions of our own are loaded and one is called, from bytes to bytes, before
 * anybody waits. What happens for the first time in a process is slow: code is compiled, modules
 * are loaded, caches fill. Only what that warmed stays.
 */
'use strict';

const path = require('node:path');
const { Duplex } = require('node:stream');

const { Runtime } = require('./runtime');
const { createServer } = require('./server');

const FOLDER = path.join(__dirname, 'rehearsed');
const ROUNDS = 3;
/** A rehearsal that hangs must not keep a pod from serving. */
const DEADLINE_MILLISECONDS = 2000;

async function run() {
  const [near, far] = makePair();
  const deadline = setTimeout(() => near.destroy(new Error('too slow')), DEADLINE_MILLISECONDS);
  try {
    await perform(near, far);
  } catch (error) {
    console.error(`the rehearsal failed, a first call will be slower: ${error.message}`);
  } finally {
    clearTimeout(deadline);
    near.destroy();
    far.destroy();
  }
}

async function perform(near, far) {
  const env = { POD_VOLUME_PATHS: JSON.stringify({ '/userfunc': FOLDER }) };
  const server = createServer(new Runtime(env, { remembers: false }));
  server.emit('connection', far);
  const load = { filepath: '/userfunc', functionName: 'commonjs.main', requestsPerPod: 1 };
  await exchange(near, 'POST /v2/specialize', JSON.stringify(load));
  for (let round = 0; round < ROUNDS; round++) {
    await exchange(near, 'POST /?a=b', '{"c": [1]}');
    await exchange(near, 'GET /', '');
  }
  await import('./rehearsed/module.mjs');
}

/** Send one request; resolves with the first piece of what is answered. */
function exchange(near, line, body) {
  return new Promise((resolve, reject) => {
    near.once('data', resolve);
    near.once('error', reject);
    const head = `${line} HTTP/1.1\r\nHost: rehearsal\r\nContent-Type: application/json\r\n`;
    near.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
  });
}

/** Two streams, each of which reads what the other writes: a connection without a socket. */
function makePair() {
  const ends = [];
  const make = (other) =>
    new Duplex({
      read() {},
      write(piece, encoding, done) {
        ends[other].push(piece, encoding);
        done();
      },
      final(done) {
        ends[other].push(null);
        done();
      },
    });
  ends.push(make(1), make(0));
  return ends;
}

module.exports = { run };
