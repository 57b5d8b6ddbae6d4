/**
 * From code on disk to a JavaScript function: CommonJS, ES modules and, where Node.js itself strips
 * types, TypeScript. A package is a folder or a single file without an extension.
 */
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { pathToFileURL } = require('node:url');

const { LoadError, exportName, find, packageType, quote } = require('./entrypoint');

const MODULE_ERRORS = new Set(['ERR_REQUIRE_ESM', 'ERR_REQUIRE_ASYNC_MODULE']);
/** What the compiler says of ES module syntax in a CommonJS file. */
const MODULE_SYNTAX =
  /Cannot use import statement outside|Unexpected token 'export'|Cannot use 'import.meta'|await is only valid/;
const LOOKS_LIKE_MODULE = /^\s*(?:import\b\s*[\w*{"']|export\b\s*[\w*{])/m;
const RUNTIME_FOLDER = __dirname + path.sep;

/** Load the function at `place`; LoadError says what is there when something is not. */
async function load(place, entryPoint, { modules = true } = {}) {
  const found = fs.statSync(place, { throwIfNoEntry: false });
  if (found === undefined) throw new LoadError(`there is no code at ${place}`);
  const restoreExit = forbidExit();
  try {
    if (found.isDirectory()) {
      const { file, name } = find(place, entryPoint);
      return pick(await loadFile(file, modules), name, path.relative(place, file));
    }
    return pick(await loadSingle(place, entryPoint, modules), exportName(entryPoint), 'the file');
  } catch (error) {
    throw error instanceof LoadError ? error : new LoadError(describe(error));
  } finally {
    restoreExit();
  }
}

async function loadFile(file, modules) {
  const source = fs.readFileSync(file, 'utf8');
  if (source.includes('//# sourceMappingURL=')) process.setSourceMapsEnabled(true);
  if (/\.[cm]?ts$/.test(file) && !process.features.typescript) {
    throw new LoadError(
      `${path.basename(file)} is TypeScript, which Node.js ${process.versions.node} does not run: ` +
        'build it (fission fn create --src, environment with a builder), or use Node.js 22.18 or newer',
    );
  }
  return isModule(file, source) ? importFile(file, modules) : requireFile(file, modules);
}

function isModule(file, source) {
  const extension = path.extname(file);
  if (extension[1] === 'm') return true;
  if (extension[1] === 'c') return false;
  const type = packageType(file);
  return type === 'module' || (type === '' && LOOKS_LIKE_MODULE.test(source));
}

async function requireFile(file, modules) {
  try {
    return require(file);
  } catch (error) {
    const isModuleSyntax = error instanceof SyntaxError && MODULE_SYNTAX.test(error.message);
    if (!isModuleSyntax && !MODULE_ERRORS.has(error.code)) throw error;
    return importFile(file, modules);
  }
}

async function importFile(file, modules) {
  const name = path.basename(file);
  if (!modules) throw new LoadError(`${name} is an ES module, and LOAD_ESM is false`);
  try {
    return await import(pathToFileURL(file).href);
  } catch (error) {
    const isMisnamed = path.extname(file) === '.js' && MODULE_SYNTAX.test(error.message);
    if (!isMisnamed || !(error instanceof SyntaxError)) throw error;
    throw new LoadError(
      `${describe(error)}\n${name} is an ES module: name it .mjs, or put "type": "module" into ` +
        'package.json',
    );
  }
}

/** A file without an extension: Node.js takes it for CommonJS, newer ones look into it. */
async function loadSingle(file, entryPoint, modules) {
  let failure;
  try {
    return await loadFile(file, modules);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    failure = error;
  }
  const name = /^\w[\w-]*/.exec(path.basename(entryPoint)) || ['function'];
  const extensions = MODULE_SYNTAX.test(failure.message) ? ['.mjs'] : [];
  if (process.features.typescript) extensions.push('.ts');
  for (const extension of extensions) {
    try {
      return await loadFile(copyAs(file, name[0] + extension), modules);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  throw failure;
}

/** The file again under a name that tells its kind, in a folder of its own. */
function copyAs(file, name) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'function-'));
  const copy = path.join(folder, name);
  fs.copyFileSync(file, copy);
  return copy;
}

/** The function that a module exports under `name`, or by default. */
function pick(exported, name, where) {
  const layers = [exported, exported && exported.default];
  let target;
  if (name === null) {
    layers.push(layers[1] && layers[1].default);
    target = layers.find((layer) => typeof layer === 'function');
  } else {
    target = layers.map((layer) => layer && layer[name]).find((value) => value !== undefined);
  }
  if (typeof target === 'function' && !/^class\b/.test(Function.prototype.toString.call(target))) {
    return target;
  }
  const names = functionNames(layers);
  const has = `it has: ${names.join(', ') || 'none'}`;
  if (target !== undefined) {
    const kind = typeof target === 'function' ? 'a class' : `of type ${typeof target}`;
    throw new LoadError(`${where}: ${quote(name)} is ${kind}, not a function; ${has}`);
  }
  const missing =
    name === null ? 'no function as its default export' : `no function ${quote(name)}`;
  throw new LoadError(`${where} exports ${missing}; ${has}`);
}

function functionNames(layers) {
  const found = new Set();
  for (const layer of layers) {
    if (layer === null || typeof layer !== 'object') continue;
    for (const key of Object.keys(layer)) {
      if (typeof layer[key] === 'function') found.add(key);
    }
  }
  return [...found].sort();
}

/** The stack without the frames of Node.js and of this runtime, and what to do where we know. */
function describe(error) {
  if (!(error instanceof Error)) return `the code threw ${String(error)}`;
  const stack = String(error.stack || error);
  const own = (line) =>
    /^\s+at .*(node:internal\/|node:vm)/.test(line) || line.includes(RUNTIME_FOLDER);
  const lines = stack.split('\n').filter((line) => !own(line));
  const missing = /Cannot find (?:module|package) '([^'./][^']*)'/.exec(error.message);
  if (missing !== null) {
    lines.push(
      `${missing[1]} is not in the package: name it in the dependencies of package.json and deploy ` +
        'with --src and an environment that has a builder, or put node_modules into the archive',
    );
  }
  return lines.join('\n').trimEnd();
}

/** Loading code must not end the server: what calls process.exit meanwhile gets an error. */
function forbidExit() {
  const exit = process.exit;
  process.exit = (code) => {
    throw new LoadError(
      `the code called process.exit(${code === undefined ? '' : code}) while loading`,
    );
  };
  return () => {
    process.exit = exit;
  };
}

module.exports = { LoadError, load };
