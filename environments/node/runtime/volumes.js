/**
 * Where declared paths really are.
 *
 * `POD_VOLUME_PATHS` (JSON, declared path → real path) is set where the platform cannot show a
 * process its volumes at their declared places.
 */
'use strict';

function makeRealPath(env) {
  const table = Object.entries(JSON.parse(env.POD_VOLUME_PATHS || '{}'))
    .map(([mount, real]) => [mount.replace(/\/+$/, ''), real])
    .sort((a, b) => b[0].length - a[0].length);
  return function realPath(declared) {
    for (const [mount, real] of table) {
      if (declared === mount || declared.startsWith(`${mount}/`)) {
        return real + declared.slice(mount.length);
      }
    }
    return declared;
  };
}

module.exports = { makeRealPath };
