/**
 * Which file and which of its exports an entry point names.
 *
 * `file.export` is split at the last dot; one word is a file whose default export is meant; nothing
 * is what package.json's `main` says, else `index`, else `main`, else the package's only file.
 */
'use strict';

const fs = require('node:fs');
const path = require('node:path');

/** Compiled code is preferred to the TypeScript that it was made of. */
const EXTENSIONS = ['.js', '.cjs', '.mjs', '.ts', '.cts', '.mts'];

/** The function cannot be loaded. The message is for its owner and may hold a stack trace. */
class LoadError extends Error {}

/** Find `{file, name}` in the folder; `name` null means the default export. */
function find(folder, text) {
  const entryPoint = text.trim();
  if (path.isAbsolute(entryPoint) || entryPoint.split('/').includes('..')) {
    throw new LoadError(`entry point ${quote(text)} leaves the package`);
  }
  if (entryPoint === '') return { file: findMain(folder), name: null };
  if (EXTENSIONS.includes(path.extname(entryPoint)) && isFile(path.join(folder, entryPoint))) {
    return { file: path.join(folder, entryPoint), name: null };
  }
  const dot = entryPoint.lastIndexOf('.');
  if (dot > entryPoint.lastIndexOf('/')) {
    const file = resolveFile(path.join(folder, entryPoint.slice(0, dot)));
    if (file !== null) return { file, name: entryPoint.slice(dot + 1) };
  }
  const file = resolveFile(path.join(folder, entryPoint));
  if (file !== null) return { file, name: null };
  const asked = dot < 0 ? entryPoint : entryPoint.slice(0, dot);
  throw new LoadError(
    `entry point ${quote(text)}: no file ${quote(asked)} in the package; ` +
      `it has: ${sourcesOf(folder).join(', ') || 'no JavaScript file'}`,
  );
}

/** The export that an entry point names in a package of one file, whatever file it names. */
function exportName(text) {
  const dot = text.trim().lastIndexOf('.');
  const name = dot < 0 ? '' : text.trim().slice(dot + 1);
  return name === '' || EXTENSIONS.includes(`.${name}`) ? null : name;
}

function findMain(folder) {
  const main = readPackage(folder).main;
  if (typeof main === 'string') {
    const file = resolveFile(path.join(folder, main));
    if (file !== null) return file;
    throw new LoadError(`package.json: main: found ${quote(main)}, no such file is in the package`);
  }
  for (const name of ['index', 'main']) {
    const file = resolveFile(path.join(folder, name));
    if (file !== null) return file;
  }
  const sources = sourcesOf(folder);
  if (sources.length === 1) return path.join(folder, sources[0]);
  throw new LoadError(
    'no entry point was given, and the package has neither a main in package.json nor an index.js ' +
      `nor a main.js nor a single file; it has: ${sources.join(', ') || 'no JavaScript file'}`,
  );
}

/** A path without its extension, or a folder with an index, → the file; null if there is none. */
function resolveFile(base) {
  for (const extension of ['', ...EXTENSIONS]) {
    if (isFile(base + extension)) return base + extension;
  }
  if (!fs.statSync(base, { throwIfNoEntry: false })) return null;
  const main = readPackage(base).main;
  const names = typeof main === 'string' ? [main, 'index'] : ['index'];
  for (const name of names) {
    const inside = path.join(base, name);
    for (const extension of ['', ...EXTENSIONS]) {
      if (isFile(inside + extension)) return inside + extension;
    }
  }
  return null;
}

function readPackage(folder) {
  const file = path.join(folder, 'package.json');
  if (!isFile(file)) return {};
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')) || {};
  } catch (error) {
    throw new LoadError(`package.json is not JSON: ${error.message}`);
  }
}

/** `type` of the nearest package.json above a file, "" where none says. */
function packageType(file) {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    if (isFile(path.join(folder, 'package.json'))) return readPackage(folder).type || '';
    if (folder === path.dirname(folder) || path.basename(folder) === 'node_modules') return '';
  }
}

function sourcesOf(folder) {
  const names = fs.readdirSync(folder).sort();
  return names.filter((name) => EXTENSIONS.includes(path.extname(name)) && !isDeclaration(name));
}

function isDeclaration(name) {
  return /\.d\.[cm]?ts$/.test(name);
}

function isFile(file) {
  const found = fs.statSync(file, { throwIfNoEntry: false });
  return found !== undefined && found.isFile();
}

function quote(text) {
  return JSON.stringify(text);
}

module.exports = { EXTENSIONS, LoadError, exportName, find, packageType, quote };
