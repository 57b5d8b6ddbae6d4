/** Runs npm; its output is the build's log. */
'use strict';

const { spawn } = require('node:child_process');

const { BuildError } = require('./errors');
const tarballs = require('./tarballs');

/** Text in npm's output → what to do. */
const REMEDIES = [
  [
    /npm error code (ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH)/,
    'the registry was not reached and the cache lacks a package; for builds without network set ' +
      'FISSION_WHEELS to a folder of .tgz files, for a mirror NPM_CONFIG_REGISTRY (--builder-env)',
  ],
  [
    /npm error code EUSAGE[^]*(?:in sync|npm ci)/,
    'package-lock.json does not fit package.json; run npm install and deploy both',
  ],
  [
    /npm error code ERESOLVE/,
    'dependencies contradict one another; see above which, or set legacy-peer-deps=true in .npmrc',
  ],
  [
    /gyp ERR! find Python|gyp ERR! .*make|not found: make/,
    'a native module needs python3, make, g++',
  ],
  [
    /npm error code (?:SELF_SIGNED_CERT|UNABLE_TO_)/,
    'the certificate of the registry is not trusted; add its authority to those of this machine, or ' +
      'name it in cafile of .npmrc',
  ],
  [/npm error code E40[13]/, 'the registry asks for credentials; put them into .npmrc'],
];

/** How much of npm's errors is looked through for what we know. */
const TAIL_CHARACTERS = 64 << 10;

/** Run npm in a folder; rejects with BuildError when it fails, with what to do where we know. */
async function run(words, folder, env) {
  const shown = words.filter((word) => !word.startsWith('/')).join(' ');
  console.log(`build: npm ${shown}`);
  const { code, signal, errors } = await execute(words, folder, env);
  if (code === 0) return;
  const remedy = REMEDIES.find(([pattern]) => pattern.test(errors));
  const how = code === null ? `was ended by ${signal}` : 'failed, see above';
  throw new BuildError(`npm ${shown} ${how}${remedy ? `: ${remedy[1]}` : ''}`);
}

function execute(words, folder, env) {
  return new Promise((resolve, reject) => {
    const child = spawn('npm', words, { cwd: folder, env, stdio: ['ignore', 'inherit', 'pipe'] });
    let errors = '';
    child.stderr.on('data', (piece) => {
      process.stderr.write(piece);
      errors = (errors + piece).slice(-TAIL_CHARACTERS);
    });
    child.on('error', (error) => {
      const remedy = error.code === 'ENOENT' ? ': apt-get install npm' : '';
      reject(new BuildError(`npm cannot be run: ${error.message}${remedy}`));
    });
    child.on('close', (code, signal) => resolve({ code, signal, errors }));
  });
}

/** Run `npm ci` or `npm install`; with a folder of tarballs, from it and the cache alone. */
async function install(words, folder, found, env) {
  if (found === null) {
    await run(words, folder, env);
    return;
  }
  const restore = tarballs.useInLock(found, folder);
  try {
    await run([...words, '--offline'], folder, env);
  } finally {
    restore();
  }
}

module.exports = { install, run };
