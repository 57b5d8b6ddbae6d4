/**
 * From the source folder to the deployment tree: no links (archives hold none), modes that come down
 * to executable or not, nothing of how it was made. Equal sources make equal trees.
 */
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { BuildError } = require('./errors');

/** Of no use at run time; .npmrc may hold credentials. */
const LEFT_OUT = new Set(['.git', '.hg', '.svn', '.npmrc', '.DS_Store']);
/** Below node_modules: what tools keep for themselves. */
const LEFT_OUT_OF_MODULES = new Set(['.cache', '.package-lock.json', '.yarn-integrity']);

/** Copy `source` to `target`, which does not exist; returns how many files and bytes there are. */
function copy(source, target, leftOut = []) {
  const counts = { files: 0, bytes: 0 };
  const root = fs.realpathSync(source);
  const state = { root, counts, leftOut: new Set(leftOut) };
  copyFolder(state, root, target, [root]);
  return counts;
}

function copyFolder(state, folder, target, around) {
  fs.mkdirSync(target);
  const isModules = path.basename(folder) === 'node_modules';
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const { name } = entry;
    const place = path.join(folder, name);
    if (LEFT_OUT.has(name) || (isModules && LEFT_OUT_OF_MODULES.has(name))) continue;
    if (state.leftOut.has(place)) continue;
    copyEntry(state, place, path.join(target, name), entry, around);
  }
}

function copyEntry(state, place, target, entry, around) {
  if (entry.isDirectory()) {
    copyFolder(state, place, target, [...around, place]);
  } else if (entry.isFile()) {
    copyFile(place, target, state.counts);
  } else if (entry.isSymbolicLink()) {
    copyLinked(state, place, target, around);
  } // sockets, pipes and devices are nobody's code
}

function copyLinked(state, place, target, around) {
  const shown = path.relative(state.root, place);
  let real;
  try {
    real = fs.realpathSync(place);
  } catch {
    throw new BuildError(`${shown} is a link to ${fs.readlinkSync(place)}, which does not exist`);
  }
  if (around.includes(real)) throw new BuildError(`${shown} is a link to a folder that holds it`);
  if (!real.startsWith(state.root + path.sep)) {
    throw new BuildError(
      `${shown} is a link to ${real}, which is not in the package; put it there, or install ` +
        'file: dependencies with install-links=true in .npmrc',
    );
  }
  if (fs.statSync(real).isDirectory()) copyFolder(state, real, target, [...around, real]);
  else if (path.basename(path.dirname(place)) === '.bin')
    writeShim(place, real, target, state.counts);
  else copyFile(real, target, state.counts);
}

/** A program of a dependency has its own files beside it: it is started where it is. */
function writeShim(place, real, target, counts) {
  const start = Buffer.alloc(128);
  const file = fs.openSync(real, 'r');
  fs.readSync(file, start, 0, start.length, 0);
  fs.closeSync(file);
  const isNode = /^#!.*\bnode\b/.test(start.toString('latin1').split('\n', 1)[0]);
  const way = path.relative(path.dirname(place), real);
  const text = `#!/bin/sh\nexec ${isNode ? 'node ' : ''}"$(dirname "$0")/${way}" "$@"\n`;
  fs.writeFileSync(target, text, { mode: 0o755 });
  fs.chmodSync(target, 0o755);
  counts.files += 1;
  counts.bytes += text.length;
}

function copyFile(place, target, counts) {
  const found = fs.statSync(place);
  fs.copyFileSync(place, target, fs.constants.COPYFILE_FICLONE);
  fs.chmodSync(target, found.mode & 0o111 ? 0o755 : 0o644);
  counts.files += 1;
  counts.bytes += found.size;
}

module.exports = { copy, copyFile };
