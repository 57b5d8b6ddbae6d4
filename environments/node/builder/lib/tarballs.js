/**
 * Packages from a folder of .tgz files: while npm runs, the lock file names these files as the
 * places of the packages whose checksums they have.
 */
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');

const { BuildError } = require('./errors');

const LOCKS = ['npm-shrinkwrap.json', 'package-lock.json'];

/** The lock file that npm reads in a folder; null where there is none. */
function findLock(folder) {
  const name = LOCKS.find((one) => fs.existsSync(path.join(folder, one)));
  return name === undefined ? null : path.join(folder, name);
}

/** Point the lock file to the tarballs; call what is returned to have it back as it was. */
function useInLock(tarballs, folder) {
  const lock = findLock(folder);
  if (lock === null) {
    throw new BuildError(
      'FISSION_WHEELS: packages are found by the checksums of a package-lock.json; there is none',
    );
  }
  const before = fs.readFileSync(lock);
  const content = JSON.parse(before);
  const files = byChecksum(tarballs.files);
  for (const [name, entry] of Object.entries(content.packages || {})) {
    if (name === '' || entry.link || !entry.integrity) continue;
    const checksum = entry.integrity.split(/\s+/).find((one) => files.has(one));
    if (checksum !== undefined) entry.resolved = `file:${files.get(checksum)}`;
  }
  fs.writeFileSync(lock, JSON.stringify(content));
  return () => fs.writeFileSync(lock, before);
}

function byChecksum(files) {
  const found = new Map();
  for (const file of files) {
    const bytes = fs.readFileSync(file);
    for (const algorithm of ['sha512', 'sha1']) {
      const sum = crypto.createHash(algorithm).update(bytes).digest('base64');
      found.set(`${algorithm}-${sum}`, file);
    }
  }
  return found;
}

module.exports = { findLock, useInLock };
