/** What a client accepts, and what a body is: media types and weighted lists of HTTP. */
'use strict';

const SHORT = {
  html: 'text/html',
  text: 'text/plain',
  txt: 'text/plain',
  json: 'application/json',
  xml: 'application/xml',
  css: 'text/css',
  js: 'text/javascript',
  mjs: 'text/javascript',
  csv: 'text/csv',
  md: 'text/markdown',
  bin: 'application/octet-stream',
  form: 'application/x-www-form-urlencoded',
  urlencoded: 'application/x-www-form-urlencoded',
  multipart: 'multipart/*',
  pdf: 'application/pdf',
  zip: 'application/zip',
  wasm: 'application/wasm',
  svg: 'image/svg+xml',
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  ico: 'image/x-icon',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
};

/** `json`, `.json` and `application/json` → `application/json`; unknown short names → octets. */
function mediaType(name) {
  if (name.includes('/')) return name;
  return SHORT[name.replace(/^.*\./, '').toLowerCase()] || 'application/octet-stream';
}

function isType(contentType, wanted) {
  const type = contentType.split(';', 1)[0].trim().toLowerCase();
  if (type === '') return false;
  if (wanted.length === 0) return type;
  for (const word of wanted) {
    const isSuffix = word.startsWith('+');
    const matches = isSuffix ? type.endsWith(word) : covers(mediaType(word).toLowerCase(), type);
    if (matches) return isSuffix || word.includes('*') ? type : word;
  }
  return false;
}

function accepts(header, types) {
  const ranges = weighted(header === undefined ? '*/*' : header);
  if (types.length === 0) return ranges.map((range) => range.word);
  return best(types, ranges, (range, type) => specificity(range, mediaType(type).toLowerCase()));
}

function acceptsWords(header, names) {
  const ranges = weighted(header === undefined ? '*' : header);
  if (names.length === 0) return ranges.map((range) => range.word);
  return best(names, ranges, (range, name) => {
    const word = name.toLowerCase();
    if (range === word || word.startsWith(`${range}-`)) return 2;
    if (range === '*') return 1;
    return word === 'identity' ? 0.5 : 0;
  });
}

/** The offer with the greatest weight; then the client's order decides, then the offers' own. */
function best(offers, ranges, fit) {
  const rated = offers.flatMap((offer) => {
    const fits = ranges.map((range) => fit(range.word, offer));
    const position = fits.indexOf(Math.max(0, ...fits));
    const weight = fits[position] > 0 ? ranges[position].weight : 0;
    return weight > 0 ? [{ offer, weight, position }] : [];
  });
  rated.sort((a, b) => b.weight - a.weight || a.position - b.position);
  return rated.length > 0 ? rated[0].offer : false;
}

function weighted(header) {
  return header
    .split(',')
    .flatMap((part) => {
      const [word, ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
      const q = parameters.find((parameter) => parameter.startsWith('q='));
      const weight = q === undefined ? 1 : Number(q.slice(2));
      return word === '' ? [] : [{ word, weight: Number.isFinite(weight) ? weight : 0 }];
    })
    .sort((a, b) => b.weight - a.weight);
}

function specificity(range, type) {
  if (range === type) return 3;
  return covers(range, type) ? (range === '*/*' ? 1 : 2) : 0;
}

function covers(range, type) {
  const [mainRange, subRange] = range.split('/');
  const [main, sub] = type.split('/');
  return (mainRange === '*' || mainRange === main) && (subRange === '*' || subRange === sub);
}

module.exports = { accepts, acceptsWords, isType, mediaType };
