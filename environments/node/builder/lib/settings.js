/** What a build is told by its environment. */
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { BuildError } = require('./errors');

/**
 * `source` (SRC_PKG: a folder or a single file), `target` (DEPLOY_PKG: does not exist yet), `cache`
 * (BUILD_CACHE), `tarballs` (FISSION_WHEELS: a folder of packages to install from, and nothing
 * else; relative to the source unless it begins with a slash; null without one).
 */
function fromEnv(env) {
  for (const name of ['SRC_PKG', 'DEPLOY_PKG']) {
    if (!env[name]) throw new BuildError(`${name} is not set; the builder sets it for every build`);
  }
  const source = path.resolve(env.SRC_PKG);
  const found = fs.statSync(source, { throwIfNoEntry: false });
  if (found === undefined) throw new BuildError(`SRC_PKG: there is nothing at ${source}`);
  const target = path.resolve(env.DEPLOY_PKG);
  if (fs.existsSync(target)) {
    throw new BuildError(`DEPLOY_PKG: there is something at ${target} already`);
  }
  const folder = found.isDirectory() ? source : path.dirname(source);
  return {
    source,
    isFile: found.isFile(),
    target,
    cache: env.BUILD_CACHE ? path.resolve(env.BUILD_CACHE) : null,
    tarballs: env.FISSION_WHEELS ? findTarballs(path.resolve(folder, env.FISSION_WHEELS)) : null,
  };
}

function findTarballs(folder) {
  if (!fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new BuildError(
      `FISSION_WHEELS: there is no folder ${folder}; it is a folder in the package, or an ` +
        "absolute path that the builder's pod sees, such as one below /cache",
    );
  }
  const names = fs.readdirSync(folder).sort();
  const found = names.filter((name) => /\.(tgz|tar\.gz)$/.test(name));
  return { folder, files: found.map((name) => path.join(folder, name)) };
}

module.exports = { fromEnv };
