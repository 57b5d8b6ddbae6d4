/** Timeouts of the server, against those of its peer, the router. */
'use strict';

const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');

const { runtimeModule } = require('./memory');

const CONFIG = path.resolve(__dirname, '../../../../src/fission/router/config.py');

test('the router gives an idle connection up long before the runtime does', () => {
  const text = fs.readFileSync(CONFIG, 'utf8');
  const seconds = Number(/"ROUTER_UPSTREAM_IDLE", ([\d.]+)/.exec(text)[1]);
  const server = runtimeModule('server').createServer({});
  assert.ok(server.keepAliveTimeout >= 5000 * seconds);
});

test('how long a call may take is not decided here', () => {
  const server = runtimeModule('server').createServer({});
  assert.deepStrictEqual([server.requestTimeout, server.timeout], [0, 0]);
});
