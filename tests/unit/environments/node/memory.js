/** Not a test: a server that is spoken to without sockets. */
'use strict';

const path = require('node:path');
const { Duplex } = require('node:stream');

const RUNTIME = path.resolve(__dirname, '../../../../environments/node/runtime');

const runtimeModule = (name) => require(path.join(RUNTIME, name));

/** Write `text` to a fresh connection of `server`; resolves with all that comes back. */
function exchange(server, text) {
  return new Promise((resolve) => {
    const pieces = [];
    const far = new Duplex({
      read() {},
      write(piece, encoding, done) {
        pieces.push(piece);
        done();
      },
    });
    far.setTimeout = far.setNoDelay = far.setKeepAlive = () => far;
    for (const end of ['finish', 'close']) {
      far.on(end, () => resolve(Buffer.concat(pieces).toString('latin1')));
    }
    server.emit('connection', far);
    far.push(text);
  });
}

/** Call a function as the runtime does; resolves with `{status, headers, body}`. */
async function callFunction(target, { method = 'GET', url = '/', headers = {}, body = '' } = {}) {
  const { createServer } = runtimeModule('server');
  const { call, fail } = runtimeModule('calling');
  const bodies = runtimeModule('body');
  const server = createServer({
    async handle(request, response) {
      try {
        if (bodies.hasBody(request.headers)) await bodies.read(request, 1000);
        await call(target, request, response, (declared) => declared);
      } catch (error) {
        if (error instanceof bodies.BadRequest) response.status(error.status).send(error.message);
        else fail(response, error);
      }
    },
  });
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  if (body.length > 0) lines.push(`Content-Length: ${Buffer.byteLength(body)}\r\n`);
  const head = `${method} ${url} HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n${lines.join('')}\r\n`;
  return parse(await exchange(server, Buffer.concat([Buffer.from(head), Buffer.from(body)])));
}

function parse(text) {
  const [head, ...rest] = text.split('\r\n\r\n');
  const [line, ...lines] = head.split('\r\n');
  const headers = {};
  for (const header of lines) {
    const [name, ...value] = header.split(': ');
    headers[name.toLowerCase()] = [].concat(headers[name.toLowerCase()] ?? [], value.join(': '));
  }
  for (const name of Object.keys(headers)) {
    if (headers[name].length === 1) headers[name] = headers[name][0];
  }
  let body = rest.join('\r\n\r\n');
  if (headers['transfer-encoding'] === 'chunked') {
    body = body.replace(/[0-9a-f]+\r\n([^]*?)\r\n(?=[0-9a-f]+\r\n|$)/g, '$1').replace(/0\r\n$/, '');
  }
  return { status: Number(line.split(' ')[1]), headers, body };
}

module.exports = { callFunction, exchange, parse, runtimeModule };
