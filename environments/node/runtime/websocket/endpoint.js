/**
 * The server's side of WebSockets: the handshake, the set of clients that functions broadcast to,
 * pings to those that may have gone, and word to the platform when the first comes and none is left.
 */
'use strict';

const crypto = require('node:crypto');
const http = require('node:http');

const { WebSocket } = require('./connection');

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const DEFAULT_TIMEOUT_MILLISECONDS = 60 * 1000;
const FETCHER_PORT = 8000;
const GOING_AWAY = 1001;
const FAILED = 1011;

class Endpoint {
  clients = new Set();
  #env;
  #timeout;
  #answered = new WeakSet();
  #timer = null;
  #hasComplained = false;

  /** `TIMEOUT`: milliseconds between pings, and until the platform hears that nobody is left. */
  constructor(env) {
    this.#env = env;
    this.#timeout = parseTimeout(env.TIMEOUT);
  }

  /** Shake hands and call the function with the socket; false when the request is refused. */
  accept(request, socket, head, target) {
    socket.on('error', () => socket.destroy());
    const fault = faultOf(request);
    if (fault !== null) {
      refuse(socket, ...fault);
      return false;
    }
    const protocol = (request.headers['sec-websocket-protocol'] || '').split(',', 1)[0].trim();
    socket.write(welcome(request.headers['sec-websocket-key'], protocol));
    const client = new WebSocket(socket, { protocol, url: request.url });
    this.#add(client);
    this.#call(target, client, request);
    if (head.length > 0) socket.unshift(head);
    return true;
  }

  /** Tell every client to go. */
  close() {
    clearInterval(this.#timer);
    for (const client of this.clients) client.close(GOING_AWAY);
  }

  async #call(target, client, request) {
    try {
      await target(client, this.clients, request);
    } catch (error) {
      console.error(error);
      client.close(FAILED);
    }
  }

  #add(client) {
    this.clients.add(client);
    this.#answered.add(client);
    client.on('pong', () => this.#answered.add(client));
    client.once('close', () => this.clients.delete(client));
    if (this.#timer === null) {
      this.#timer = setInterval(() => this.#beat(), this.#timeout);
      this.#timer.unref();
      this.#tell('start');
    }
  }

  /** End those that did not answer the last ping, ask the others. */
  #beat() {
    if (this.clients.size === 0) {
      clearInterval(this.#timer);
      this.#timer = null;
      this.#tell('end');
    }
    for (const client of this.clients) {
      if (this.#answered.delete(client)) client.ping();
      else client.terminate();
    }
  }

  /** The fetcher beside us makes a Kubernetes Event of it; where none listens nothing is lost. */
  #tell(event) {
    const table = JSON.parse(this.#env.POD_PORTS || '{}');
    const options = {
      host: this.#env.POD_IP || '127.0.0.1',
      port: Number(table[FETCHER_PORT] || FETCHER_PORT),
      path: `/wsevent/${event}`,
      timeout: DEFAULT_TIMEOUT_MILLISECONDS,
    };
    const request = http.get(options, (response) => response.resume());
    request.on('timeout', () => request.destroy());
    request.on('error', (error) => {
      // A sandbox that keeps functions from the platform's ports keeps them from this one too.
      if (!this.#hasComplained && error.code !== 'EACCES') {
        console.error(`no Event tells of WebSocket connections: ${error.message}`);
      }
      this.#hasComplained = true;
    });
  }
}

function parseTimeout(text) {
  const milliseconds = Number(text || DEFAULT_TIMEOUT_MILLISECONDS);
  if (!Number.isFinite(milliseconds) || milliseconds <= 0) {
    throw new Error(`TIMEOUT: found ${JSON.stringify(text)}, allowed are milliseconds above 0`);
  }
  return milliseconds;
}

/** Status, text and headers for a handshake that is none; null for a good one. */
function faultOf(request) {
  const { headers, method } = request;
  if (method !== 'GET') return [405, 'a WebSocket begins with GET\n', ['Allow: GET']];
  if (headers['sec-websocket-version'] !== '13') {
    return [426, 'WebSocket version 13 is offered\n', ['Sec-WebSocket-Version: 13']];
  }
  const key = headers['sec-websocket-key'] || '';
  if (!/^[A-Za-z0-9+/]{22}==$/.test(key)) return [400, 'Sec-WebSocket-Key is not 16 bytes\n'];
  const protocols = headers['sec-websocket-protocol'];
  if (protocols !== undefined && !/^[\w!#$%&'*+.^`|~, -]+$/.test(protocols)) {
    return [400, 'Sec-WebSocket-Protocol is not a list of names\n'];
  }
  return null;
}

function welcome(key, protocol) {
  const accept = crypto
    .createHash('sha1')
    .update(key + GUID)
    .digest('base64');
  const chosen = protocol === '' ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`;
  return (
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${accept}\r\n${chosen}\r\n`
  );
}

/** Answer an upgrade request with an ordinary response. */
function refuse(socket, status, text, headers = []) {
  const lines = [
    `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
    ...headers,
  ];
  socket.on('error', () => socket.destroy());
  socket.end(`${lines.join('\r\n')}\r\n\r\n${text}`);
}

module.exports = { Endpoint, refuse };
