/**
 * `context.response`: Node's ServerResponse with what Express adds to it.
 *
 * `write` and `end` are Node's own, so streaming works as in any Node server. Not offered: views,
 * files (`render`, `sendFile`), entity tags.
 */
'use strict';

const http = require('node:http');
const { Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');

const negotiation = require('./negotiation');

/** What a function copies from another server's answer and what only this connection knows. */
const OWN_HEADERS = new Set(['connection', 'content-length', 'keep-alive', 'transfer-encoding']);

class Response extends http.ServerResponse {
  locals = Object.create(null);

  status(code) {
    this.statusCode = code;
    return this;
  }

  sendStatus(code) {
    this.status(code);
    if (!this.hasHeader('content-type')) this.type('text');
    return this.send(http.STATUS_CODES[code] || String(code));
  }

  /** One header, or an object of them. */
  set(name, value) {
    if (typeof name === 'object') {
      for (const key of Object.keys(name)) this.set(key, name[key]);
    } else {
      this.setHeader(name, Array.isArray(value) ? value.map(String) : withCharset(name, value));
    }
    return this;
  }

  header(name, value) {
    return this.set(name, value);
  }

  get(name) {
    return this.getHeader(name);
  }

  append(name, value) {
    const before = this.getHeader(name);
    return this.set(name, before === undefined ? value : [].concat(before, value));
  }

  type(name) {
    return this.set('Content-Type', negotiation.mediaType(name));
  }

  contentType(name) {
    return this.type(name);
  }

  vary(name) {
    const before = this.getHeader('Vary');
    return this.set('Vary', before === undefined ? name : `${before}, ${name}`);
  }

  location(url) {
    return this.set('Location', encodeURI(url).replace(/%25([0-9a-f]{2})/gi, '%$1'));
  }

  redirect(...words) {
    const url = words.pop();
    this.status(words[0] || 302).location(url);
    return this.type('text').send(`${http.STATUS_CODES[this.statusCode]}. Redirecting to ${url}`);
  }

  attachment(name) {
    if (name !== undefined) this.type(name);
    const escaped = String(name).replace(/[^\x20-\x7e]|["\\]/g, '_');
    const also = escaped === name ? '' : `; filename*=UTF-8''${encodeURIComponent(name)}`;
    const suffix = name === undefined ? '' : `; filename="${escaped}"${also}`;
    return this.set('Content-Disposition', `attachment${suffix}`);
  }

  /** Options as Express takes them: maxAge in milliseconds, expires a Date. */
  cookie(name, value, options = {}) {
    const text = typeof value === 'object' ? `j:${JSON.stringify(value)}` : String(value);
    return this.append('Set-Cookie', formatCookie(name, encodeURIComponent(text), options));
  }

  clearCookie(name, options = {}) {
    return this.cookie(name, '', { ...options, expires: new Date(1), maxAge: undefined });
  }

  json(value) {
    if (!this.hasHeader('content-type')) this.type('application/json');
    return this.send(JSON.stringify(value === undefined ? null : value));
  }

  /** Text, bytes or JSON; ends the answer. */
  send(value) {
    if (isBytes(value)) {
      if (!this.hasHeader('content-type')) this.type('bin');
      return this.#finish(toBuffer(value));
    }
    if (value !== null && value !== undefined && typeof value !== 'string') return this.json(value);
    if (!this.hasHeader('content-type') && value) this.type('html');
    return this.#finish(Buffer.from(value || ''));
  }

  /** Like `send`, also for streams and iterables of pieces, which are passed on as they come. */
  async sendAnything(value) {
    const source = toStream(value);
    if (source === null) {
      this.send(value);
    } else if (this.req.method === 'HEAD') {
      source.destroy();
      this.end();
    } else {
      if (!this.hasHeader('content-type')) this.type('bin');
      await pipeline(source, this);
    }
  }

  #finish(bytes) {
    if (this.statusCode === 204 || this.statusCode === 304) {
      for (const name of ['Content-Type', 'Content-Length', 'Transfer-Encoding']) {
        this.removeHeader(name);
      }
      return this.end();
    }
    this.setHeader('Content-Length', bytes.length);
    return this.end(this.req.method === 'HEAD' ? undefined : bytes);
  }
}

/** Set a function's headers, but those that describe the connection and not the answer. */
function setHeaders(response, headers) {
  const pairs = typeof headers.entries === 'function' ? headers.entries() : Object.entries(headers);
  for (const [name, value] of pairs) {
    if (!OWN_HEADERS.has(name.toLowerCase()) && value !== undefined) response.set(name, value);
  }
}

function withCharset(name, value) {
  const text = String(value);
  if (name.toLowerCase() !== 'content-type' || /;\s*charset\s*=/i.test(text)) return text;
  return /^(text\/|application\/json)/i.test(text) ? `${text}; charset=utf-8` : text;
}

function isBytes(value) {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value);
}

function toBuffer(value) {
  if (Buffer.isBuffer(value)) return value;
  if (value instanceof ArrayBuffer) return Buffer.from(value);
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

function toStream(value) {
  if (value === null || typeof value !== 'object' || isBytes(value) || Array.isArray(value)) {
    return null;
  }
  if (typeof value.pipe === 'function') return value;
  if (typeof value.getReader === 'function') return Readable.fromWeb(value);
  if (value[Symbol.asyncIterator] || typeof value.next === 'function') {
    return Readable.from(value, { objectMode: false });
  }
  return null;
}

function formatCookie(name, value, options) {
  if (!/^[\w!#$%&'*.^`|~+-]+$/.test(name)) throw new TypeError(`cookie name ${name} is not valid`);
  const words = [`${name}=${value}`];
  const expires = options.maxAge === undefined ? options.expires : inMilliseconds(options.maxAge);
  if (options.maxAge !== undefined) words.push(`Max-Age=${Math.floor(options.maxAge / 1000)}`);
  if (options.domain) words.push(`Domain=${options.domain}`);
  words.push(`Path=${options.path || '/'}`);
  if (expires) words.push(`Expires=${expires.toUTCString()}`);
  if (options.httpOnly) words.push('HttpOnly');
  if (options.secure) words.push('Secure');
  if (options.partitioned) words.push('Partitioned');
  if (options.sameSite) words.push(`SameSite=${sameSite(options.sameSite)}`);
  return words.join('; ');
}

function inMilliseconds(duration) {
  return new Date(Date.now() + duration);
}

function sameSite(value) {
  const word = value === true ? 'strict' : String(value).toLowerCase();
  return word[0].toUpperCase() + word.slice(1);
}

module.exports = { Response, setHeaders };
