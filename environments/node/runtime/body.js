/**
 * Request bodies by their Content-Type, as the body parsers of Fission's Node.js environment read
 * them: JSON, urlencoded forms, octets and text. Bodies of other types are left as a stream.
 */
'use strict';

const querystring = require('node:querystring');
const { promisify } = require('node:util');
const zlib = require('node:zlib');

const DEFAULT_LIMIT = '1mb';
const UNITS = { b: 1, kb: 1 << 10, mb: 1 << 20, gb: 1 << 30 };
const MAX_FORM_FIELDS = 1000;

const DECODERS = {
  gzip: promisify(zlib.gunzip),
  'x-gzip': promisify(zlib.gunzip),
  deflate: promisify(zlib.inflate),
  br: promisify(zlib.brotliDecompress),
};

/** A request that is answered with `status` before the function sees it. */
class BadRequest extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** `"1mb"`, `"500kb"`, `"2048"` → bytes; an error names what was found. */
function parseLimit(text) {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(b|kb|mb|gb)?\s*$/i.exec(text);
  if (match === null) {
    throw new Error(`BODY_PARSER_LIMIT: found ${JSON.stringify(text)}, allowed is a size like 1mb`);
  }
  return Math.floor(Number(match[1]) * UNITS[(match[2] || 'b').toLowerCase()]);
}

function kindOf(contentType) {
  const type = contentType.split(';', 1)[0].trim().toLowerCase();
  if (type === 'application/json' || /^application\/.+\+json$/.test(type)) return 'json';
  if (type === 'application/x-www-form-urlencoded') return 'form';
  if (type === 'application/octet-stream') return 'octets';
  return type.startsWith('text/') ? 'text' : null;
}

function hasBody(headers) {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] || 0) > 0;
}

/** Set `request.body` (and `request.rawBody` where it was read); BadRequest refuses the request. */
async function read(request, limit) {
  const kind = kindOf(request.headers['content-type'] || '');
  if (kind === null) return;
  const bytes = await collect(request, limit);
  request.rawBody = bytes;
  request.body = decode(kind, bytes, charsetOf(request.headers['content-type']));
}

function decode(kind, bytes, charset) {
  if (kind === 'octets') return bytes;
  const text = toText(bytes, charset, kind !== 'text');
  if (kind === 'text') return text;
  if (kind === 'form') return querystring.parse(text, '&', '=', { maxKeys: MAX_FORM_FIELDS });
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new BadRequest(400, `the request's body is not JSON: ${error.message}`);
  }
}

async function collect(request, limit) {
  const encoding = (request.headers['content-encoding'] || 'identity').toLowerCase();
  const decompress = DECODERS[encoding];
  if (encoding !== 'identity' && decompress === undefined) {
    throw new BadRequest(415, `content-encoding ${encoding} is not one of gzip, deflate, br`);
  }
  const raw = await gather(request, limit);
  if (decompress === undefined) return raw;
  try {
    return await decompress(raw, { maxOutputLength: limit });
  } catch (error) {
    if (error.code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limit);
    throw new BadRequest(400, `the request's body is not ${encoding}: ${error.message}`);
  }
}

function gather(request, limit) {
  const announced = Number(request.headers['content-length'] || 0);
  if (announced > limit) return Promise.reject(tooLarge(limit));
  return new Promise((resolve, reject) => {
    const pieces = [];
    let size = 0;
    request.on('data', (piece) => {
      size += piece.length;
      if (size <= limit) pieces.push(piece);
      else reject(tooLarge(limit));
    });
    request.on('end', () => resolve(Buffer.concat(pieces)));
    request.on('error', reject);
    request.on('close', () => reject(new BadRequest(400, 'the request ended early')));
  });
}

function tooLarge(limit) {
  return new BadRequest(413, `the request's body exceeds ${limit} bytes (BODY_PARSER_LIMIT)`);
}

function charsetOf(contentType) {
  const match = /;\s*charset\s*=\s*"?([^";\s]+)"?/i.exec(contentType);
  return match === null ? 'utf-8' : match[1];
}

function toText(bytes, charset, fatal) {
  let decoder;
  try {
    decoder = new TextDecoder(charset, { fatal });
  } catch {
    throw new BadRequest(415, `charset ${charset} is not known`);
  }
  try {
    return decoder.decode(bytes);
  } catch {
    throw new BadRequest(400, `the request's body is not ${charset}`);
  }
}

module.exports = { BadRequest, DEFAULT_LIMIT, gather, hasBody, parseLimit, read };
