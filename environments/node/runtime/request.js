/**
 * `context.request`: Node's IncomingMessage with what Express adds to it.
 *
 * The server makes its requests of this class, so a function gets the real stream, and nothing is
 * computed that nobody asks for.
 */
'use strict';

const http = require('node:http');

const negotiation = require('./negotiation');
const query = require('./query');

/** A symbol: the parent's constructor sets the property before private fields exist. */
const ASKED = Symbol('upgrade');
const PARAMETER = 'x-fission-params-';

class Request extends http.IncomingMessage {
  /** Parsed by Content-Type; `{}` where there is none or the body was left as a stream. */
  body = {};
  /** The bytes of a body that was parsed. */
  rawBody = undefined;
  baseUrl = '';
  #parsed = {};

  /**
   * Whether the connection becomes a WebSocket. Node.js asks before it reads a body; what wants
   * any other protocol goes on as the ordinary request that it also is.
   */
  get upgrade() {
    return this[ASKED] && (this.headers.upgrade || '').toLowerCase() === 'websocket';
  }

  set upgrade(value) {
    this[ASKED] = value;
  }

  get originalUrl() {
    return this.url;
  }

  get path() {
    const end = this.url.indexOf('?');
    return end < 0 ? this.url : this.url.slice(0, end);
  }

  get query() {
    return this.#once('query', () => {
      const start = this.url.indexOf('?');
      return query.parse(start < 0 ? '' : this.url.slice(start + 1));
    });
  }

  set query(value) {
    this.#parsed.query = value;
  }

  /** What the route's template variables stand for, by name in any case. */
  get params() {
    return this.#once('params', () => parametersOf(this.rawHeaders));
  }

  set params(value) {
    this.#parsed.params = value;
  }

  /** Cookies by name, decoded. */
  get cookies() {
    return this.#once('cookies', () => cookiesOf(this.headers.cookie || ''));
  }

  set cookies(value) {
    this.#parsed.cookies = value;
  }

  get(name) {
    const key = String(name).toLowerCase();
    if (key === 'referer' || key === 'referrer') {
      return this.headers.referrer || this.headers.referer;
    }
    return this.headers[key];
  }

  header(name) {
    return this.get(name);
  }

  /** Route parameter, body field or query value of that name. */
  param(name, fallback) {
    for (const place of [this.params, this.body, this.query]) {
      if (place && typeof place === 'object' && place[name] !== undefined) return place[name];
    }
    return fallback;
  }

  get protocol() {
    const forwarded = (this.headers['x-forwarded-proto'] || '').split(',', 1)[0].trim();
    return forwarded || 'http';
  }

  get secure() {
    return this.protocol === 'https';
  }

  /** The host that the client asked for: routers pass it on as `X-Forwarded-Host`. */
  get host() {
    const forwarded = (this.headers['x-forwarded-host'] || '').split(',', 1)[0].trim();
    return forwarded || this.headers.host;
  }

  get hostname() {
    return this.host && this.host.replace(/:\d+$/, '');
  }

  /** The client first, then the proxies that the request came through. */
  get ips() {
    const chain = this.headers['x-forwarded-for'] || '';
    return chain.split(',').flatMap((word) => word.trim() || []);
  }

  get ip() {
    return this.ips[0] || this.socket.remoteAddress;
  }

  get xhr() {
    return (this.headers['x-requested-with'] || '').toLowerCase() === 'xmlhttprequest';
  }

  /** The first of `types` that the body is, else false. */
  is(...types) {
    return negotiation.isType(this.headers['content-type'] || '', types.flat());
  }

  /** The first of `types` that the client prefers, else false. */
  accepts(...types) {
    return negotiation.accepts(this.headers.accept, types.flat());
  }

  acceptsEncodings(...names) {
    return negotiation.acceptsWords(this.headers['accept-encoding'], names.flat());
  }

  acceptsLanguages(...names) {
    return negotiation.acceptsWords(this.headers['accept-language'], names.flat());
  }

  acceptsCharsets(...names) {
    return negotiation.acceptsWords(this.headers['accept-charset'], names.flat());
  }

  #once(name, make) {
    if (!(name in this.#parsed)) this.#parsed[name] = make();
    return this.#parsed[name];
  }
}

/** Routers spell a variable's first letter large; a name that is asked for may be spelled anyhow. */
function parametersOf(rawHeaders) {
  const values = Object.create(null);
  const spelled = Object.create(null);
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const header = rawHeaders[i];
    if (header.toLowerCase().startsWith(PARAMETER)) {
      const name = header.slice(PARAMETER.length);
      const own = name[0] === undefined ? '' : name[0].toLowerCase() + name.slice(1);
      values[own] = Buffer.from(rawHeaders[i + 1], 'latin1').toString('utf8');
      spelled[own.toLowerCase()] = own;
    }
  }
  return new Proxy(values, {
    get(target, name) {
      if (typeof name !== 'string' || name in target) return target[name];
      return target[spelled[name.toLowerCase()]];
    },
  });
}

function cookiesOf(header) {
  const found = Object.create(null);
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=');
    if (equals < 0) continue;
    const name = pair.slice(0, equals).trim();
    const value = pair
      .slice(equals + 1)
      .trim()
      .replace(/^"(.*)"$/, '$1');
    if (name in found) continue;
    try {
      found[name] = decodeURIComponent(value);
    } catch {
      found[name] = value;
    }
  }
  return found;
}

module.exports = { Request };
