/**
 * Query strings with nested names, as Express reads them: `a[]=1&a[]=2`, `user[name]=ada`.
 *
 * Bounded: at most MAX_PAIRS pairs and MAX_DEPTH levels; what lies deeper keeps its brackets in its
 * name. Objects have no prototype, so no name in a query can reach one.
 */
'use strict';

const MAX_PAIRS = 1000;
const MAX_DEPTH = 5;
/** Larger indices (`a[500]=x`) become names of an object, not holes of an array. */
const MAX_INDEX = 20;

function parse(text) {
  const result = Object.create(null);
  let count = 0;
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    if (++count > MAX_PAIRS) break;
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    if (name !== '') put(result, pathOf(name), equals < 0 ? '' : decode(pair.slice(equals + 1)));
  }
  return settle(result);
}

function decode(text) {
  const spaced = text.replace(/\+/g, ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}

/** `a[b][]` → ['a', 'b', '']; the empty word means "one more". */
function pathOf(name) {
  const first = name.indexOf('[');
  if (first <= 0) return [name];
  const path = [name.slice(0, first)];
  let at = first;
  while (name[at] === '[' && path.length <= MAX_DEPTH) {
    const end = name.indexOf(']', at);
    if (end < 0) break;
    path.push(name.slice(at + 1, end));
    at = end + 1;
  }
  if (at < name.length) path.push(name.slice(at));
  return path;
}

function put(target, path, value) {
  let place = target;
  path.forEach((word, level) => {
    const key = word === '' ? String(Object.keys(place).length) : word;
    if (level === path.length - 1) {
      place[key] = key in place && word !== '' ? [].concat(place[key], value) : value;
      return;
    }
    const below = place[key];
    if (below === undefined) place[key] = Object.create(null);
    else if (typeof below !== 'object' || Array.isArray(below)) {
      place[key] = Object.assign(Object.create(null), [].concat(below));
    }
    place = place[key];
  });
}

/** Objects whose names are small numbers become arrays. */
function settle(value, isRoot = true) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  for (const key of Object.keys(value)) value[key] = settle(value[key], false);
  const keys = Object.keys(value);
  const isList = keys.every((key) => /^\d{1,2}$/.test(key) && Number(key) <= MAX_INDEX);
  if (isRoot || !isList || keys.length === 0) return value;
  return keys.sort((a, b) => a - b).map((key) => value[key]);
}

module.exports = { parse };
