/** RFC 6455 frames: what is read, what is refused, however the bytes are cut. */
'use strict';

const assert = require('node:assert');
const test = require('node:test');

const { runtimeModule } = require('./memory');

const frames = runtimeModule('websocket/frames');

/** A client's frame: masked. */
function clientFrame(opcode, payload, { fin = true, reserved = 0, masked = true, wide = 0 } = {}) {
  const bytes = Buffer.from(payload);
  const size = wide || (bytes.length < 126 ? 1 : bytes.length < 65536 ? 2 : 8);
  const head = Buffer.alloc(size === 1 ? 2 : 2 + size);
  head[0] = (fin ? 0x80 : 0) | reserved | opcode;
  head[1] = (masked ? 0x80 : 0) | (size === 1 ? bytes.length : size === 2 ? 126 : 127);
  if (size === 2) head.writeUInt16BE(bytes.length, 2);
  if (size === 8) head.writeBigUInt64BE(BigInt(bytes.length), 2);
  if (!masked) return Buffer.concat([head, bytes]);
  const mask = Buffer.from([1, 2, 3, 4].map(() => Math.floor(Math.random() * 256)));
  return Buffer.concat([head, mask, bytes.map((byte, i) => byte ^ mask[i & 3])]);
}

function read(...pieces) {
  const reader = new frames.Reader(1 << 20);
  return pieces.flatMap((piece) => reader.push(piece));
}

test('a text message', () => {
  const [event] = read(clientFrame(1, 'grüße'));
  assert.deepStrictEqual(
    [event.type, event.data.toString(), event.isBinary],
    ['message', 'grüße', false],
  );
});

test('messages of every length class', () => {
  for (const length of [0, 1, 125, 126, 127, 65535, 65536, 100000]) {
    const [event] = read(clientFrame(2, Buffer.alloc(length, 7)));
    assert.deepStrictEqual([event.data.length, event.isBinary], [length, true]);
  }
});

test('fragments with a ping between', () => {
  const events = read(
    clientFrame(1, 'a', { fin: false }),
    clientFrame(9, 'ping'),
    clientFrame(0, 'b', { fin: false }),
    clientFrame(0, 'c'),
  );
  const seen = events.map(({ type, data }) => [type, data.toString()]);
  assert.deepStrictEqual(seen, [['ping', 'ping'], ['message', 'abc']]); // prettier-ignore
});

test('UTF-8 may be cut between fragments', () => {
  const bytes = Buffer.from('ü');
  const [event] = read(
    clientFrame(1, bytes.subarray(0, 1), { fin: false }),
    clientFrame(0, bytes.subarray(1)),
  );
  assert.strictEqual(event.data.toString(), 'ü');
});

const closing = (code, reason = '') => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(code);
  return clientFrame(8, Buffer.concat([bytes, Buffer.from(reason)]));
};

test('a close, and nothing behind it', () => {
  const [event, ...more] = read(Buffer.concat([closing(1000, 'done'), clientFrame(1, 'late')]));
  assert.deepStrictEqual([event.type, event.code, event.data.toString()], ['close', 1000, 'done']);
  assert.strictEqual(more.length, 0);
  assert.strictEqual(read(clientFrame(8, ''))[0].code, 1005);
});

const refused = [
  ['no mask', 1002, () => clientFrame(1, 'a', { masked: false })],
  ['a reserved bit', 1002, () => clientFrame(1, 'a', { reserved: 0x40 })],
  ['an unknown opcode', 1002, () => clientFrame(3, 'a')],
  ['an unknown control opcode', 1002, () => clientFrame(0xb, 'a')],
  ['a fragment of nothing', 1002, () => clientFrame(0, 'a')],
  ['a message within a message', 1002, () => Buffer.concat([clientFrame(1, 'a', { fin: false }), clientFrame(1, 'b')])],
  ['a fragmented ping', 1002, () => clientFrame(9, 'a', { fin: false })],
  ['a long ping', 1002, () => clientFrame(9, Buffer.alloc(126))],
  ['a length that is not the shortest', 1002, () => clientFrame(1, 'a', { wide: 2 })],
  ['a wide length that is not the shortest', 1002, () => clientFrame(1, Buffer.alloc(300, 97), { wide: 8 })],
  ['text that is not UTF-8', 1007, () => clientFrame(1, [0xc3, 0x28])],
  ['half a close code', 1002, () => clientFrame(8, [3])],
  ['a close code that is never sent', 1002, () => closing(1005)],
  ['a close code below 1000', 1002, () => closing(999)],
  ['a reason that is not UTF-8', 1007, () => clientFrame(8, [0x03, 0xe8, 0xff])],
  ['a message that is too long', 1009, () => clientFrame(2, Buffer.alloc((1 << 20) + 1))],
]; // prettier-ignore

for (const [name, code, make] of refused) {
  test(`${name} is refused with ${code}`, () => {
    assert.throws(
      () => read(make()),
      (error) => error instanceof frames.ProtocolError && error.code === code,
    );
  });
}

test('a message of fragments is bounded in size', () => {
  const reader = new frames.Reader(1000);
  reader.push(clientFrame(2, Buffer.alloc(600), { fin: false }));
  assert.throws(() => reader.push(clientFrame(0, Buffer.alloc(600), { fin: false })), {
    code: 1009,
  });
});

test('an announced length is refused before its bytes come', () => {
  const head = clientFrame(2, Buffer.alloc(1 << 21)).subarray(0, 14);
  assert.throws(() => read(head), { code: 1009 });
});

test('any cut of the bytes gives the same events', () => {
  for (let round = 0; round < 200; round++) {
    const sent = [];
    const parts = [];
    for (let count = 0; count < 5; count++) {
      const data = Buffer.alloc(Math.floor(Math.random() * 300), 97 + count);
      const cut = Math.floor(Math.random() * (data.length + 1));
      sent.push(data.toString());
      if (Math.random() < 0.5) parts.push(clientFrame(1, data));
      else
        parts.push(
          clientFrame(1, data.subarray(0, cut), { fin: false }),
          clientFrame(0, data.subarray(cut)),
        );
    }
    const all = Buffer.concat(parts);
    const reader = new frames.Reader(1 << 20);
    const got = [];
    for (let at = 0; at < all.length;) {
      const next = at + 1 + Math.floor(Math.random() * 40);
      got.push(...reader.push(all.subarray(at, next)));
      at = next;
    }
    assert.deepStrictEqual(
      got.map((event) => event.data.toString()),
      sent,
    );
  }
});

test('random bytes end in events or a ProtocolError', () => {
  for (let round = 0; round < 5000; round++) {
    const bytes = Buffer.from(Array.from({ length: 60 }, () => Math.floor(Math.random() * 256)));
    if (Math.random() < 0.7) bytes[1] |= 0x80;
    if (Math.random() < 0.7) bytes[0] &= 0x8f;
    const reader = new frames.Reader(100);
    try {
      for (let at = 0; at < bytes.length; at += 7) reader.push(bytes.subarray(at, at + 7));
    } catch (error) {
      assert.ok(error instanceof frames.ProtocolError, String(error));
      assert.ok(frames.isCloseCode(error.code));
    }
  }
});

test('what is written is a whole frame without a mask', () => {
  assert.deepStrictEqual([...frames.encode(frames.TEXT, Buffer.from('hi'))], [0x81, 2, 104, 105]);
  assert.deepStrictEqual(
    [...frames.encode(2, Buffer.alloc(126)).subarray(0, 4)],
    [0x82, 126, 0, 126],
  );
  assert.deepStrictEqual(frames.encode(2, Buffer.alloc(65536)).readBigUInt64BE(2), 65536n);
  assert.deepStrictEqual([...frames.encodeClose(1000, 'x')], [0x88, 3, 0x03, 0xe8, 120]);
  assert.deepStrictEqual([...frames.encodeClose(frames.NO_STATUS, '')], [0x88, 0]);
});
