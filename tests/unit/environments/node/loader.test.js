/** Which file and export an entry point names, and what is said when there is none. */
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');

const { runtimeModule } = require('./memory');

const { load } = runtimeModule('loader');

/** Load from a folder with these files; a single text is a file without an extension. */
async function loadFrom(t, files, entryPoint = '', options = {}) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'loader-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const place = path.join(folder, 'deployarchive');
  if (typeof files === 'string') {
    fs.writeFileSync(place, files);
  } else {
    fs.mkdirSync(place);
    for (const [name, text] of Object.entries(files)) {
      fs.mkdirSync(path.dirname(path.join(place, name)), { recursive: true });
      fs.writeFileSync(path.join(place, name), text);
    }
  }
  return load(place, entryPoint, options);
}

const one = 'module.exports = () => 1;';
const found = [
  ['a file’s default export', { 'hello.js': one }, 'hello'],
  [
    'a named export',
    { 'hello.js': 'exports.two = () => 2; exports.main = () => 1;' },
    'hello.main',
  ],
  ['a file with its extension', { 'hello.js': one }, 'hello.js'],
  [
    'an export of a file with its extension',
    { 'hello.mjs': 'export const main = () => 1;' },
    'hello.mjs.main',
  ],
  ['a file in a folder', { 'src/hello.js': 'exports.main = () => 1;' }, 'src/hello.main'],
  ['a folder', { 'lib/index.js': one }, 'lib'],
  ['a folder with a main', { 'lib/package.json': '{"main": "x.js"}', 'lib/x.js': one }, 'lib'],
  ['a file with dots', { 'a.b.js': 'exports.main = () => 1;' }, 'a.b.main'],
  ['package.json’s main', { 'package.json': '{"main": "src/x"}', 'src/x.js': one }, ''],
  ['index before main', { 'index.js': one, 'main.js': '' }, ''],
  ['main', { 'main.js': one, 'other.js': '' }, ''],
  ['the only file', { 'only.js': one, 'README.md': '' }, ''],
  ['an ES module by its name', { 'hello.mjs': 'export default () => 1;' }, 'hello'],
  [
    'an ES module by package.json',
    { 'package.json': '{"type": "module"}', 'hello.js': 'export const main = () => 1;' },
    'hello.main',
  ],
  [
    'one that waits at its top',
    { 'hello.mjs': 'const v = await Promise.resolve(1);\nexport default () => v;' },
    'hello',
  ],
  [
    'CommonJS in a package of modules',
    { 'package.json': '{"type": "module"}', 'hello.cjs': one },
    'hello',
  ],
  [
    'what a compiler makes of a default export',
    { 'h.js': 'exports.__esModule = true; exports.default = () => 1;' },
    'h',
  ],
  ['an object as default export', { 'h.mjs': 'export default { main: () => 1 };' }, 'h.main'],
  ['compiled code before its source', { 'h.js': one, 'h.ts': 'nonsense' }, 'h'],
  [
    'a dependency',
    { 'h.js': 'module.exports = require("dep");', 'node_modules/dep/index.js': one },
    'h',
  ],
  ['a file by itself', one, 'whatever'],
  ['an export of a file by itself', 'exports.main = () => 1;', 'whatever.main'],
  ['a file by itself that is named like one', one, 'hello.js'],
  ['a module by itself', 'import fs from "node:fs";\nexport const main = () => 1;', 'hello.main'],
];
for (const [name, files, entryPoint] of found) {
  test(`finds ${name}`, async (t) => {
    assert.strictEqual((await loadFrom(t, files, entryPoint))(), 1);
  });
}

const refused = [
  [
    { 'hello.js': 'exports.main = () => 1; exports.x = 2' },
    'hello.mian',
    'hello.js exports no function "mian"; it has: main',
  ],
  [
    { 'hello.js': 'exports.main = () => 1;' },
    'hello',
    'no function as its default export; it has: main',
  ],
  [{ 'hello.js': 'exports.main = 5;' }, 'hello.main', '"main" is of type number, not a function'],
  [{ 'hello.js': 'exports.Main = class {};' }, 'hello.Main', '"Main" is a class, not a function'],
  [{ 'hello.js': one }, 'olleh.main', 'no file "olleh" in the package; it has: hello.js'],
  [{ 'hello.js': one }, '../hello.main', 'leaves the package'],
  [{ 'hello.js': one }, '/hello.main', 'leaves the package'],
  [{ 'a.js': one, 'b.js': one }, '', 'neither a main in package.json'],
  [{ 'package.json': '{"main": "x.js"}' }, '', 'main: found "x.js", no such file'],
  [{ 'package.json': '{', 'index.js': one }, '', 'package.json is not JSON'],
  [{ 'hello.js': 'let x = ;' }, 'hello', 'SyntaxError'],
  [
    { 'hello.js': 'require("nowhere-to-be-found")' },
    'hello',
    'nowhere-to-be-found is not in the package',
  ],
  [
    { 'hello.mjs': 'import "nowhere-to-be-found";' },
    'hello',
    'nowhere-to-be-found is not in the package',
  ],
  [{ 'hello.js': 'process.exit(3)' }, 'hello', 'called process.exit(3) while loading'],
  [{ 'hello.js': 'throw "text"' }, 'hello', 'the code threw text'],
  ['let x = ;', 'hello', 'SyntaxError'],
];
for (const [files, entryPoint, message] of refused) {
  test(`refuses ${JSON.stringify(files)} ${entryPoint}`, async (t) => {
    await assert.rejects(loadFrom(t, files, entryPoint), (error) => {
      assert.ok(error.message.includes(message), error.message);
      return true;
    });
  });
}

test('a stack has the frames of the user only', async (t) => {
  const files = { 'hello.js': 'function deep() {\n  throw new Error("no");\n}\ndeep();\n' };
  await assert.rejects(loadFrom(t, files, 'hello'), (error) => {
    assert.match(
      error.message,
      /^Error: no\n {4}at deep .*hello\.js:2:9\)\n {4}at .*hello\.js:4:1\)$/,
    );
    return true;
  });
});

test('LOAD_ESM false refuses modules', async (t) => {
  const files = { 'hello.mjs': 'export default () => 1;' };
  await assert.rejects(loadFrom(t, files, 'hello', { modules: false }), /LOAD_ESM is false/);
});

test('no code', async () => {
  await assert.rejects(load('/nowhere', 'hello'), /there is no code at \/nowhere/);
});

const looksInside = Boolean(process.features.require_module);
const module_ = { 'hello.js': 'import os from "node:os";\nexport default () => 1;' };

test(
  'an ES module is known by its syntax',
  { skip: !looksInside && 'not by this one' },
  async (t) => {
    assert.strictEqual((await loadFrom(t, module_, 'hello'))(), 1);
  },
);

test(
  'an ES module by another name',
  { skip: looksInside && 'this one looks inside' },
  async (t) => {
    await assert.rejects(loadFrom(t, module_, 'hello'), /hello\.js is an ES module: name it \.mjs/);
  },
);

const typed = 'interface A { a: number }\nexport const main = (): number => (1 as number);\n';

test(
  'TypeScript runs where Node.js strips types',
  { skip: !process.features.typescript && 'this one does not' },
  async (t) => {
    assert.strictEqual((await loadFrom(t, { 'hello.ts': typed }, 'hello.main'))(), 1);
    assert.strictEqual((await loadFrom(t, typed, 'hello.main'))(), 1);
  },
);

test(
  'TypeScript elsewhere says what to do',
  { skip: process.features.typescript && 'this one strips types' },
  async (t) => {
    await assert.rejects(
      loadFrom(t, { 'hello.ts': typed }, 'hello.main'),
      /hello\.ts is TypeScript.*22\.18/s,
    );
  },
);
