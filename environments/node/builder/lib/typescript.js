/**
 * TypeScript for a Node.js that cannot run it (older than 22.18), where package.json has no build
 * script: each file becomes JavaScript beside it. Types are taken away, not checked.
 *
 * The compiler is the package's own `typescript` where it is a dependency, else the one that
 * `../typescript/package-lock.json` pins, kept in the download cache.
 */
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { BuildError } = require('./errors');
const npm = require('./npm');

const PINNED = path.join(__dirname, '..', 'typescript');
const SOURCE = /\.([cm]?)ts$/;
const DECLARATION = /\.d\.[cm]?ts$/;
const COMPILED = { ts: 'js', mts: 'mjs', cts: 'cjs' };

/** The TypeScript files of a package, without dependencies and declarations. */
function findSources(folder) {
  const found = [];
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const place = path.join(folder, entry.name);
    if (entry.isDirectory() && entry.name !== 'node_modules' && !entry.name.startsWith('.')) {
      found.push(...findSources(place));
    } else if (entry.isFile() && SOURCE.test(entry.name) && !DECLARATION.test(entry.name)) {
      found.push(place);
    }
  }
  return found.sort();
}

/** Whether this Node.js runs TypeScript itself. */
function isRunnable() {
  return Boolean(process.features.typescript);
}

async function compile(folder, sources, asked, env) {
  const typescript = require(await findCompiler(folder, asked, env));
  const options = readOptions(typescript, folder);
  let failures = 0;
  for (const source of sources) failures += compileFile(typescript, source, options, folder);
  if (failures > 0) throw new BuildError(`TypeScript: ${failures} errors, see above`);
  const version = `TypeScript ${typescript.version}`;
  console.log(`build: ${sources.length} files compiled by ${version}, types not checked`);
}

async function findCompiler(folder, asked, env) {
  const own = path.join(folder, 'node_modules', 'typescript');
  if (fs.existsSync(own)) return own;
  const lock = path.join(PINNED, 'package-lock.json');
  const { version } = JSON.parse(fs.readFileSync(lock, 'utf8')).packages['node_modules/typescript'];
  const parent = path.join(asked.cache || env.TMPDIR || folder, 'npm-tools');
  const kept = path.join(parent, `typescript-${version}`);
  const compiler = path.join(kept, 'node_modules', 'typescript');
  if (!fs.existsSync(compiler)) await installCompiler(parent, kept, asked, env);
  return compiler;
}

/** Under its final name only when it is whole; another build may have been first. */
async function installCompiler(parent, kept, asked, env) {
  fs.mkdirSync(parent, { recursive: true });
  const fresh = fs.mkdtempSync(path.join(parent, '.filling-'));
  try {
    for (const name of ['package.json', 'package-lock.json']) {
      fs.copyFileSync(path.join(PINNED, name), path.join(fresh, name));
    }
    await npm.install(['ci', '--ignore-scripts'], fresh, asked.tarballs, env);
    fs.chmodSync(fresh, 0o755);
    fs.renameSync(fresh, kept);
  } catch (error) {
    fs.rmSync(fresh, { recursive: true, force: true });
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  }
}

/** compilerOptions of tsconfig.json; how modules and files are named is ours to say. */
function readOptions(typescript, folder) {
  const file = path.join(folder, 'tsconfig.json');
  let asked = {};
  if (fs.existsSync(file)) {
    const { config, error } = typescript.readConfigFile(file, typescript.sys.readFile);
    if (error) throw new BuildError(`tsconfig.json: ${flatten(typescript, error.messageText)}`);
    const parsed = typescript.convertCompilerOptionsFromJson(config.compilerOptions || {}, folder);
    asked = parsed.options;
  }
  return {
    target: typescript.ScriptTarget.ES2022,
    esModuleInterop: true,
    ...asked,
    rewriteRelativeImportExtensions: true,
    verbatimModuleSyntax: false,
    sourceMap: false,
    inlineSourceMap: true,
    noEmit: false,
    declaration: false,
    composite: false,
    incremental: false,
    outDir: undefined,
    rootDir: undefined,
  };
}

function compileFile(typescript, source, options, root) {
  const isModule = isEcmaScriptModule(source, root);
  const { ESNext, Node16, CommonJS } = typescript.ModuleKind;
  const { outputText, diagnostics } = typescript.transpileModule(fs.readFileSync(source, 'utf8'), {
    fileName: source,
    reportDiagnostics: true,
    compilerOptions: { ...options, module: isModule ? ESNext : (Node16 ?? CommonJS) },
  });
  const failures = diagnostics.filter(
    (one) => one.category === typescript.DiagnosticCategory.Error,
  );
  for (const failure of failures) {
    const at = failure.file && failure.file.getLineAndCharacterOfPosition(failure.start);
    const where = `${path.relative(root, source)}${at ? `:${at.line + 1}:${at.character + 1}` : ''}`;
    console.error(`build: ${where}: ${flatten(typescript, failure.messageText)}`);
  }
  const extension = path.extname(source).slice(1);
  const target = source.slice(0, -extension.length) + COMPILED[extension];
  if (failures.length === 0) fs.writeFileSync(target, outputText);
  return failures.length;
}

function isEcmaScriptModule(source, root) {
  const kind = SOURCE.exec(source)[1];
  if (kind !== '') return kind === 'm';
  for (let folder = path.dirname(source); ; folder = path.dirname(folder)) {
    const file = path.join(folder, 'package.json');
    if (fs.existsSync(file)) return JSON.parse(fs.readFileSync(file, 'utf8')).type === 'module';
    if (folder === root || folder === path.dirname(folder)) return false;
  }
}

function flatten(typescript, text) {
  return typescript.flattenDiagnosticMessageText(text, ' ');
}

module.exports = { compile, findSources, isRunnable };
