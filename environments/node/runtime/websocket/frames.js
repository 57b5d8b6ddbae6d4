/**
 * RFC 6455 frames, without I/O: bytes in, events out; messages in, bytes out.
 *
 * A server's reader is strict: client frames must be masked, reserved bits and opcodes are refused,
 * lengths must be the shortest, control frames must be whole and small, text must be UTF-8, and a
 * message may have `maxBytes`. `ProtocolError.code` is what the connection is to be closed with.
 */
'use strict';

const { isUtf8 } = require('node:buffer');

const CONTINUATION = 0x0;
const TEXT = 0x1;
const BINARY = 0x2;
const CLOSE = 0x8;
const PING = 0x9;
const PONG = 0xa;

const MAX_CONTROL_BYTES = 125;
/** A message of empty fragments would never reach `maxBytes`. */
const MAX_FRAGMENTS = 65536;
const NO_STATUS = 1005;

class ProtocolError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** `push` returns the events that a piece completes: `{type, data, isBinary?, code?}`. */
class Reader {
  #maxBytes;
  #pieces = [];
  #available = 0;
  #head = null;
  #fragments = [];
  #fragmentBytes = 0;
  #messageOpcode = null;
  #isClosed = false;

  constructor(maxBytes) {
    this.#maxBytes = maxBytes;
  }

  push(piece) {
    this.#pieces.push(piece);
    this.#available += piece.length;
    const events = [];
    while (!this.#isClosed) {
      if (this.#head === null) this.#head = this.#readHead();
      if (this.#head === null || this.#available < this.#head.length) break;
      const { fin, opcode, length, mask } = this.#head;
      this.#head = null;
      const event = this.#take(fin, opcode, unmask(this.#consume(length), mask));
      if (event !== null) events.push(event);
    }
    return events;
  }

  #readHead() {
    if (this.#available < 2) return null;
    const start = this.#peek(Math.min(14, this.#available));
    const fin = (start[0] & 0x80) !== 0;
    const opcode = start[0] & 0x0f;
    if ((start[0] & 0x70) !== 0) throw new ProtocolError(1002, 'a reserved bit is set');
    if ((start[1] & 0x80) === 0) throw new ProtocolError(1002, 'a client frame is not masked');
    const short = start[1] & 0x7f;
    this.#checkOpcode(fin, opcode, short);
    const extended = short === 126 ? 2 : short === 127 ? 8 : 0;
    const size = 2 + extended + 4;
    if (start.length < size) return null;
    const length = readLength(start, short);
    if (length + this.#fragmentBytes > this.#maxBytes) {
      throw new ProtocolError(1009, `a message exceeds ${this.#maxBytes} bytes`);
    }
    const mask = this.#consume(size).subarray(size - 4);
    return { fin, opcode, length, mask };
  }

  #checkOpcode(fin, opcode, short) {
    if (opcode >= CLOSE) {
      if (opcode > PONG) throw new ProtocolError(1002, `opcode ${opcode} is not known`);
      if (!fin) throw new ProtocolError(1002, 'a control frame is fragmented');
      if (short > MAX_CONTROL_BYTES) throw new ProtocolError(1002, 'a control frame is too long');
    } else if (opcode > BINARY) {
      throw new ProtocolError(1002, `opcode ${opcode} is not known`);
    } else if ((opcode === CONTINUATION) !== (this.#messageOpcode !== null)) {
      throw new ProtocolError(1002, 'a fragment is out of place');
    }
  }

  #take(fin, opcode, payload) {
    if (opcode === CLOSE) return this.#takeClose(payload);
    if (opcode === PING) return { type: 'ping', data: payload };
    if (opcode === PONG) return { type: 'pong', data: payload };
    if (opcode !== CONTINUATION) this.#messageOpcode = opcode;
    this.#fragments.push(payload);
    this.#fragmentBytes += payload.length;
    if (this.#fragments.length > MAX_FRAGMENTS) {
      throw new ProtocolError(1008, `a message has more than ${MAX_FRAGMENTS} fragments`);
    }
    return fin ? this.#completeMessage() : null;
  }

  #completeMessage() {
    const isBinary = this.#messageOpcode === BINARY;
    const data = this.#fragments.length === 1 ? this.#fragments[0] : Buffer.concat(this.#fragments);
    this.#fragments = [];
    this.#fragmentBytes = 0;
    this.#messageOpcode = null;
    if (!isBinary && !isUtf8(data)) throw new ProtocolError(1007, 'text is not UTF-8');
    return { type: 'message', data, isBinary };
  }

  #takeClose(payload) {
    this.#isClosed = true;
    if (payload.length === 0) return { type: 'close', code: NO_STATUS, data: payload };
    if (payload.length === 1) throw new ProtocolError(1002, 'half a close code');
    const code = payload.readUInt16BE(0);
    const reason = payload.subarray(2);
    if (!isCloseCode(code)) throw new ProtocolError(1002, `close code ${code} is not allowed`);
    if (!isUtf8(reason)) throw new ProtocolError(1007, 'the reason of a close is not UTF-8');
    return { type: 'close', code, data: reason };
  }

  #peek(count) {
    if (this.#pieces[0].length < count) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0].subarray(0, count);
  }

  #consume(count) {
    if (count === 0) return Buffer.alloc(0);
    const start = this.#peek(count);
    const rest = this.#pieces[0].subarray(count);
    if (rest.length > 0) this.#pieces[0] = rest;
    else this.#pieces.shift();
    this.#available -= count;
    return start;
  }
}

function readLength(head, short) {
  if (short < 126) return short;
  const wide = short === 127;
  const length = wide ? head.readBigUInt64BE(2) : BigInt(head.readUInt16BE(2));
  if (length < (wide ? 65536n : 126n))
    throw new ProtocolError(1002, 'a length is not the shortest');
  if (length > BigInt(Number.MAX_SAFE_INTEGER))
    throw new ProtocolError(1009, 'a frame is too long');
  return Number(length);
}

function unmask(payload, mask) {
  const plain = Buffer.from(payload);
  for (let i = 0; i < plain.length; i++) plain[i] ^= mask[i & 3];
  return plain;
}

function isCloseCode(code) {
  const named = code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code);
  return named || (code >= 3000 && code <= 4999);
}

/** One whole, unmasked frame. */
function encode(opcode, payload) {
  const length = payload.length;
  const extended = length < 126 ? 0 : length < 65536 ? 2 : 8;
  const frame = Buffer.allocUnsafe(2 + extended + length);
  frame[0] = 0x80 | opcode;
  frame[1] = extended === 0 ? length : extended === 2 ? 126 : 127;
  if (extended === 2) frame.writeUInt16BE(length, 2);
  if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  payload.copy(frame, 2 + extended);
  return frame;
}

function encodeClose(code, reason) {
  if (code === NO_STATUS) return encode(CLOSE, Buffer.alloc(0));
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code, 0);
  payload.write(reason, 2);
  return encode(CLOSE, payload);
}

module.exports = {
  BINARY,
  CLOSE,
  MAX_CONTROL_BYTES,
  NO_STATUS,
  PING,
  PONG,
  ProtocolError,
  Reader,
  TEXT,
  encode,
  encodeClose,
  isCloseCode,
};
