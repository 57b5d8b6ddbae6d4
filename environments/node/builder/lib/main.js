/**
 * The default build: dependencies by npm, the package's own build script, TypeScript where it is
 * needed, then a deployment tree without links.
 */
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { BuildError } = require('./errors');
const npm = require('./npm');
const settings = require('./settings');
const tarballs = require('./tarballs');
const tree = require('./tree');
const typescript = require('./typescript');

const OTHER_LOCKS = ['yarn.lock', 'pnpm-lock.yaml', 'bun.lock', 'bun.lockb'];

async function main(env) {
  try {
    await build(settings.fromEnv(env), env);
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(`build: failed: ${error.message}`);
    process.exitCode = 1;
  }
}

/** Make the deployment package; rejects with BuildError. */
async function build(asked, env) {
  const started = Date.now();
  if (asked.isFile) {
    tree.copyFile(asked.source, asked.target, { files: 0, bytes: 0 });
    console.log('build: one file, nothing to install');
    return;
  }
  const manifest = readManifest(asked.source);
  const sources = typescript.isRunnable() ? [] : typescript.findSources(asked.source);
  if (manifest === null) console.log('build: no package.json, nothing to install');
  else await install(asked, manifest, sources, env);
  const hasScript = manifest !== null && manifest.scripts.build !== undefined;
  if (!hasScript && sources.length > 0) {
    await typescript.compile(asked.source, sources, asked, env);
  }
  await prune(asked, manifest, sources, env);
  const counts = tree.copy(
    asked.source,
    asked.target,
    asked.tarballs ? [asked.tarballs.folder] : [],
  );
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  const size = (counts.bytes / 1e6).toFixed(1);
  console.log(`build: done in ${seconds} s, ${counts.files} files, ${size} MB`);
}

/** package.json with the parts that are asked for; null where there is none. */
function readManifest(folder) {
  const file = path.join(folder, 'package.json');
  if (!fs.existsSync(file)) return null;
  let read;
  try {
    read = JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    throw new BuildError(`package.json is not JSON: ${error.message}`);
  }
  if (read === null || typeof read !== 'object' || Array.isArray(read)) {
    throw new BuildError('package.json: it is not a JSON object');
  }
  return { ...read, scripts: read.scripts || {} };
}

async function install(asked, manifest, sources, env) {
  if (!needsNpm(manifest)) {
    console.log('build: package.json names no dependencies, nothing to install');
  } else {
    const hasLock = tarballs.findLock(asked.source) !== null;
    if (!hasLock) noteMissingLock(asked);
    const which = needsDevelopment(manifest, sources) ? '--include=dev' : '--omit=dev';
    await npm.install([hasLock ? 'ci' : 'install', which], asked.source, asked.tarballs, env);
  }
  if (manifest.scripts.build !== undefined) {
    await npm.run(['run', 'build'], asked.source, env);
  }
}

async function prune(asked, manifest, sources, env) {
  if (manifest === null || !needsNpm(manifest) || !needsDevelopment(manifest, sources)) return;
  if (Object.keys(manifest.devDependencies || {}).length === 0) return;
  await npm.run(['prune', '--omit=dev', '--ignore-scripts', '--offline'], asked.source, env);
}

function needsNpm(manifest) {
  const fields = ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'];
  const names = ['preinstall', 'install', 'postinstall', 'prepare'];
  return (
    fields.some((field) => Object.keys(manifest[field] || {}).length > 0) ||
    names.some((name) => manifest.scripts[name] !== undefined) ||
    manifest.workspaces !== undefined
  );
}

/** A build script may want them, and so may we: the package's own compiler is one. */
function needsDevelopment(manifest, sources) {
  const hasCompiler = (manifest.devDependencies || {}).typescript !== undefined;
  return manifest.scripts.build !== undefined || (sources.length > 0 && hasCompiler);
}

function noteMissingLock(asked) {
  console.log(
    'build: note: no package-lock.json, versions are chosen anew by every build; deploy one for ' +
      'builds that repeat',
  );
  for (const name of OTHER_LOCKS) {
    if (fs.existsSync(path.join(asked.source, name))) {
      console.log(`build: note: ${name} is not npm's; name another tool's build with --buildcmd`);
    }
  }
}

module.exports = { build, main };
