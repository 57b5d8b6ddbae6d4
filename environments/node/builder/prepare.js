/**
 * What builds need of this machine, in the folder IMAGE_CACHE:
 *
 * - `bin`: Node.js and npm where builds see them. They see the system's folders, not the home
 *   folders in which version managers keep theirs.
 * - `certificates.pem`: the authorities that this machine trusts, beside those of Node.js.
 */
'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');

const VISIBLE = ['/usr/', '/bin/', '/sbin/', '/lib/', '/lib64/'];
const PROGRAMS = ['npm', 'npx'];
const CERTIFICATES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

function main(cache) {
  const bin = path.join(cache, 'bin');
  fs.mkdirSync(bin);
  const node = fs.realpathSync(process.execPath);
  if (isVisible(node)) fs.symlinkSync(node, path.join(bin, 'node'));
  else {
    fs.copyFileSync(node, path.join(bin, 'node'), fs.constants.COPYFILE_FICLONE);
    fs.chmodSync(path.join(bin, 'node'), 0o755);
  }
  const found = execFileSync('/bin/sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim();
  let folder = path.dirname(path.dirname(fs.realpathSync(found)));
  if (!isVisible(folder)) {
    const copy = path.join(cache, 'npm');
    fs.cpSync(folder, copy, { recursive: true, verbatimSymlinks: true });
    folder = copy;
  }
  for (const name of PROGRAMS) {
    fs.symlinkSync(path.join(folder, 'bin', `${name}-cli.js`), path.join(bin, name));
  }
  const certificates = CERTIFICATES.find((file) => fs.existsSync(file));
  const place = path.join(cache, 'certificates.pem');
  if (certificates !== undefined) fs.symlinkSync(certificates, place);
  else fs.writeFileSync(place, ''); // Node.js warns of a file that is not there
}

function isVisible(place) {
  return VISIBLE.some((folder) => place.startsWith(folder));
}

main(process.env.IMAGE_CACHE);
