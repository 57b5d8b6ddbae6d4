/**
 * One WebSocket, as functions know it from the `ws` package: events `message` (data, isBinary),
 * `close` (code, reason), `ping`, `pong`, `error`; `send`, `ping`, `pong`, `close`, `terminate`.
 */
'use strict';

const { EventEmitter } = require('node:events');

const frames = require('./frames');

/** A message may have this many bytes; it is held whole. */
const MAX_MESSAGE_BYTES = 16 << 20;
/** How long the other side may take to answer a close. */
const CLOSE_MILLISECONDS = 10 * 1000;
const ABNORMAL = 1006;
const STATES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'];
const LISTENERS = ['open', 'message', 'close', 'error'];

class WebSocket extends EventEmitter {
  readyState = WebSocket.OPEN;
  /** `nodebuffer` or `arraybuffer`: what binary messages come as. */
  binaryType = 'nodebuffer';
  extensions = '';
  #socket;
  #reader = new frames.Reader(MAX_MESSAGE_BYTES);
  #closed = null;
  #hasSentClose = false;
  #deadline = null;
  #attributes = {};

  constructor(socket, { protocol = '', url = '' } = {}) {
    super();
    this.#socket = socket;
    this.protocol = protocol;
    this.url = url;
    socket.setTimeout(0);
    socket.setNoDelay(true);
    socket.on('data', (piece) => this.#receive(piece));
    socket.on('end', () => socket.end());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#gone());
  }

  get bufferedAmount() {
    return this.#socket.writableLength;
  }

  get isPaused() {
    return this.#socket.isPaused();
  }

  pause() {
    this.#socket.pause();
  }

  resume() {
    this.#socket.resume();
  }

  /** Text, or bytes in any form; `done` is called when they are on their way. */
  send(data, options, done) {
    const { binary, callback } = sortOut(options, done);
    const isText = !isBytes(data);
    const opcode = (binary === undefined ? isText : !binary) ? frames.TEXT : frames.BINARY;
    this.#write(frames.encode(opcode, toBuffer(data)), callback);
  }

  ping(data, mask, done) {
    this.#control(frames.PING, data, [data, mask, done]);
  }

  pong(data, mask, done) {
    this.#control(frames.PONG, data, [data, mask, done]);
  }

  close(code = frames.NO_STATUS, reason = '') {
    if (code !== frames.NO_STATUS && !frames.isCloseCode(code)) {
      throw new TypeError(`close code: found ${code}, allowed are 1000 to 1014 and 3000 to 4999`);
    }
    if (Buffer.byteLength(reason) > frames.MAX_CONTROL_BYTES - 2) {
      throw new RangeError('the reason of a close may have 123 bytes');
    }
    if (this.readyState >= WebSocket.CLOSING) return;
    this.readyState = WebSocket.CLOSING;
    this.#sendClose(code, String(reason));
    this.#setDeadline();
  }

  terminate() {
    if (this.readyState !== WebSocket.CLOSED) {
      this.readyState = WebSocket.CLOSING;
      this.#socket.destroy();
    }
  }

  addEventListener(type, listener, { once = false } = {}) {
    const wrapped = (...words) => listener.call(this, makeEvent(this, type, words));
    wrapped.listener = listener; // what removeListener looks for
    if (once) this.once(type, wrapped);
    else this.on(type, wrapped);
  }

  removeEventListener(type, listener) {
    this.removeListener(type, listener);
  }

  #receive(piece) {
    if (this.readyState === WebSocket.CLOSED) return;
    let events;
    try {
      events = this.#reader.push(piece);
    } catch (error) {
      this.#fail(error);
      return;
    }
    for (const event of events) this.#handle(event);
  }

  #handle(event) {
    if (event.type === 'close') this.#receiveClose(event.code, event.data);
    else if (event.type === 'message') this.#deliver(event.data, event.isBinary);
    else {
      if (event.type === 'ping') this.pong(event.data, false, () => {});
      this.emit(event.type, event.data);
    }
  }

  #deliver(data, isBinary) {
    const bytes = isBinary && this.binaryType === 'arraybuffer' ? toArrayBuffer(data) : data;
    if (this.readyState === WebSocket.OPEN) this.emit('message', bytes, isBinary);
  }

  #receiveClose(code, reason) {
    this.#closed = [code, reason];
    this.readyState = WebSocket.CLOSING;
    if (!this.#hasSentClose) this.#sendClose(code, reason.toString());
    this.#socket.destroySoon(); // both have said it: the server is the one to hang up
    this.#setDeadline();
  }

  #fail(error) {
    this.readyState = WebSocket.CLOSING;
    this.#closed = [ABNORMAL, Buffer.alloc(0)];
    this.#sendClose(error.code, error.message);
    this.#socket.destroySoon();
    if (this.listenerCount('error') > 0) this.emit('error', error);
    else console.error(`WebSocket closed: ${error.message}`);
  }

  #setDeadline() {
    if (this.#deadline !== null) return;
    this.#deadline = setTimeout(() => this.#socket.destroy(), CLOSE_MILLISECONDS);
  }

  #sendClose(code, reason) {
    if (this.#hasSentClose) return;
    this.#hasSentClose = true;
    this.#socket.write(frames.encodeClose(code, reason));
  }

  #gone() {
    clearTimeout(this.#deadline);
    this.readyState = WebSocket.CLOSED;
    this.emit('close', ...(this.#closed || [ABNORMAL, Buffer.alloc(0)]));
  }

  #control(opcode, data, words) {
    const callback = words.find((word) => typeof word === 'function');
    const payload = data === undefined || data === callback ? Buffer.alloc(0) : toBuffer(data);
    if (payload.length > frames.MAX_CONTROL_BYTES) {
      throw new RangeError(`a ping or pong may have ${frames.MAX_CONTROL_BYTES} bytes`);
    }
    this.#write(frames.encode(opcode, payload), callback);
  }

  #write(frame, callback) {
    if (this.readyState === WebSocket.OPEN) {
      this.#socket.write(frame, callback);
      return;
    }
    const error = new Error(`WebSocket is not open: it is ${STATES[this.readyState]}`);
    if (callback !== undefined) process.nextTick(callback, error);
  }

  /** `onmessage` and its like, as browsers have them. */
  attribute(type, listener) {
    if (listener !== undefined) {
      if (this.#attributes[type]) this.removeEventListener(type, this.#attributes[type]);
      this.#attributes[type] = listener;
      if (listener) this.addEventListener(type, listener);
    }
    return this.#attributes[type] || null;
  }
}

STATES.forEach((name, value) => {
  for (const place of [WebSocket, WebSocket.prototype])
    Object.defineProperty(place, name, { value });
});
for (const type of LISTENERS) {
  Object.defineProperty(WebSocket.prototype, `on${type}`, {
    get() {
      return this.attribute(type);
    },
    set(listener) {
      this.attribute(type, listener);
    },
  });
}

function makeEvent(target, type, [first, second]) {
  const event = { type, target };
  if (type === 'message') event.data = second ? first : first.toString();
  if (type === 'close') Object.assign(event, { code: first, reason: second.toString() });
  if (type === 'error') Object.assign(event, { error: first, message: first.message });
  return event;
}

function sortOut(options, done) {
  if (typeof options === 'function') return { callback: options };
  return { binary: options && options.binary, callback: done };
}

function isBytes(data) {
  return data instanceof ArrayBuffer || ArrayBuffer.isView(data);
}

function toBuffer(data) {
  if (Buffer.isBuffer(data)) return data;
  if (data instanceof ArrayBuffer) return Buffer.from(data);
  if (ArrayBuffer.isView(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return Buffer.from(String(data));
}

function toArrayBuffer(data) {
  return data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
}

module.exports = { WebSocket };
