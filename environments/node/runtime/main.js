/**
 * The runtime server as a process: sockets, signals, what happens to errors outside of any call.
 *
 * Sockets that were handed over (`LISTEN_FDS`) are served, else port 8888 is bound. SIGTERM: what
 * runs is finished. An error outside of any call is logged, and the request that it belongs to gets
 * 500. A promise that nobody awaited harms nobody else, so the process goes on. An exception that
 * nobody caught leaves the program in a state that nobody knows: other requests are finished, then
 * the process ends with 1.
 */
'use strict';

const rehearsal = require('./rehearsal');
const { Runtime } = require('./runtime');
const { createServer, stopAccepting } = require('./server');

const PORT = 8888;
const FIRST_HANDED_DESCRIPTOR = 3;
/** How long running calls may take to finish; the kubelet's grace period cuts it. */
const GRACE_MILLISECONDS = 30 * 1000;
const OLDEST_NODE = 18;

/** Modules that functions often ask for: loaded while the process waits, not in a first call. */
const PRELOAD =
  'assert async_hooks buffer child_process crypto dns events fs/promises https ' +
  'querystring stream/promises stream/web string_decoder timers/promises url util worker_threads zlib';

async function main() {
  if (Number(process.versions.node.split('.', 1)[0]) < OLDEST_NODE) {
    console.error(`Node.js ${process.versions.node} is too old: ${OLDEST_NODE} or newer is needed`);
    process.exit(1);
  }
  const runtime = new Runtime(process.env);
  const servers = [];
  handleSignals(runtime, servers);
  await runtime.restore();
  PRELOAD.split(' ').forEach((name) => require(`node:${name}`));
  if (runtime.isGeneric) await rehearsal.run();
  servers.push(...listen(runtime, process.env));
}

function handleSignals(runtime, servers) {
  let isEnding = false;
  const end = async (code) => {
    if (isEnding) return;
    isEnding = true;
    process.exitCode = code; // also where nothing is left that could happen
    servers.forEach(stopAccepting);
    if (code === 0) runtime.forget();
    setTimeout(() => process.exit(code), GRACE_MILLISECONDS).unref();
    await runtime.drain();
    process.exit(code);
  };
  process.on('SIGTERM', () => end(0));
  process.on('SIGINT', () => end(0));
  process.on('unhandledRejection', (reason) => runtime.blame(reason));
  process.on('uncaughtException', (error) => {
    runtime.blame(error);
    end(1);
  });
}

function listen(runtime, env) {
  const count = Number(env.LISTEN_FDS || 0);
  for (const name of ['LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PID', 'NODE_COMPILE_CACHE'])
    delete process.env[name];
  if (count === 0) {
    const table = JSON.parse(env.POD_PORTS || '{}');
    return [createServer(runtime).listen(Number(table[PORT] || PORT))];
  }
  return Array.from({ length: count }, (_, index) =>
    createServer(runtime).listen({ fd: FIRST_HANDED_DESCRIPTOR + index }),
  );
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
