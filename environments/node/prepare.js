/**
 * Makes what this machine needs once, in the folder IMAGE_CACHE:
 *
 * - `bin/node`: Node.js where containers see it. They see the system's folders, not the home
 *   folders in which version managers keep it.
 * - `compiled`: this runtime's compiled code, where Node.js can keep it (22.1 and newer).
 */
'use strict';

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const module_ = require('node:module');
const path = require('node:path');

const OLDEST_NODE = 18;
const VISIBLE = ['/usr/', '/bin/', '/sbin/', '/lib/', '/lib64/'];

function main(cache) {
  if (Number(process.versions.node.split('.', 1)[0]) < OLDEST_NODE) {
    console.error(
      `${process.execPath} is Node.js ${process.versions.node}: install ${OLDEST_NODE} or newer, ` +
        'or put such a one first on the PATH of fission up',
    );
    process.exit(1);
  }
  fs.mkdirSync(path.join(cache, 'bin'));
  placeNode(fs.realpathSync(process.execPath), path.join(cache, 'bin', 'node'));
  if (typeof module_.enableCompileCache === 'function') compile(path.join(cache, 'compiled'));
}

function placeNode(program, place) {
  if (VISIBLE.some((folder) => program.startsWith(folder))) {
    fs.symlinkSync(program, place);
  } else {
    fs.copyFileSync(program, place, fs.constants.COPYFILE_FICLONE);
    fs.chmodSync(place, 0o755);
  }
}

/** Go the way of a first call: what runs then is what is kept. */
function compile(folder) {
  const rehearsal = JSON.stringify(path.join(__dirname, 'runtime', 'rehearsal.js'));
  const result = spawnSync(process.execPath, ['-e', `require(${rehearsal}).run()`], {
    env: { ...process.env, NODE_COMPILE_CACHE: folder },
    stdio: 'inherit',
  });
  if (result.status !== 0) process.exit(1);
}

main(process.env.IMAGE_CACHE);
