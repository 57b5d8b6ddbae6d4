/**
 * One function, from generic to specialized: waits for one load request, then every path calls it.
 *
 * `POST /v2/specialize` (and `/specialize`, version 1) loads; `/healthz` answers always. A request
 * above `requestsPerPod` of the load request is refused without being run.
 */
'use strict';

const { AsyncLocalStorage } = require('node:async_hooks');

const bodies = require('./body');
const { call, fail } = require('./calling');
const { LoadError, load } = require('./loader');
const { Remembered } = require('./remembered');
const { Response } = require('./response');
const variables = require('./variables');
const { makeRealPath } = require('./volumes');
const websockets = require('./websocket/endpoint');

const CODE_PATH_V1 = '/userfunc/user';
const CODE_PATH = '/userfunc/deployarchive';
const SPECIALIZE = new Set(['/v2/specialize', '/specialize']);
/** A load request is object metadata: kilobytes. */
const MAX_LOAD_REQUEST_BYTES = 1 << 20;

class Runtime {
  #bodyLimit;
  #modules;
  #remembered;
  #function = null;
  #isLoading = false;
  #isEnding = false;
  #limit = 0;
  #running = new Set();
  #onIdle = null;
  /** Which answer an error outside of its call belongs to; see `#run`. */
  #calls = new AsyncLocalStorage();

  /** `remembers`: leave word of what is loaded for a successor in this pod. */
  constructor(env, { remembers = true } = {}) {
    this.#configure(env);
    this.realPath = makeRealPath(env);
    this.#remembered = remembers ? new Remembered(this.realPath) : null;
  }

  #configure(env) {
    this.#bodyLimit = bodies.parseLimit(env.BODY_PARSER_LIMIT || bodies.DEFAULT_LIMIT);
    this.#modules = !['false', '0'].includes((env.LOAD_ESM || 'true').toLowerCase());
    this.sockets = new websockets.Endpoint(env);
  }

  get isGeneric() {
    return this.#function === null && !this.#isLoading;
  }

  /** Answer one request; never rejects. */
  async handle(request, response) {
    const path = request.path;
    if (this.#isEnding) response.shouldKeepAlive = false;
    if (path === '/healthz' && (request.method === 'GET' || request.method === 'HEAD')) {
      plain(response, 200, '');
    } else if (this.#function === null || SPECIALIZE.has(path)) {
      await this.#handleGeneric(request, response, path);
    } else if (this.#isFull()) {
      response.set('X-Fission-Busy', this.#limit);
      plain(response, 503, 'every slot of this pod is taken\n');
    } else {
      await this.#call(request, response);
    }
  }

  /** Take over a connection that wants to speak another protocol. */
  handleUpgrade(request, socket, head) {
    if (this.#function === null) {
      websockets.refuse(socket, 500, 'Generic container: no requests supported', [
        'X-Fission-Busy: 0',
      ]);
    } else if (this.#isFull()) {
      websockets.refuse(socket, 503, 'every slot of this pod is taken\n', [
        `X-Fission-Busy: ${this.#limit}`,
      ]);
    } else if (this.sockets.accept(request, socket, head, this.#function)) {
      this.#running.add(socket);
      socket.once('close', () => this.#ended(socket));
    }
  }

  /** Load again what a predecessor in this pod had loaded; the platform does not ask twice. */
  async restore() {
    try {
      const loadRequest = this.#remembered.read();
      if (loadRequest !== null) await this.#load(loadRequest);
    } catch (error) {
      console.error(`could not restore the function: ${error.message}`);
    }
  }

  /** Answer 500 to the request that an error outside of its call belongs to. */
  blame(error) {
    const [first] = this.#running;
    const guilty = this.#calls.getStore() || (this.#running.size === 1 ? first : undefined);
    if (guilty instanceof Response && !guilty.destroyed) {
      guilty.once('close', () => this.#ended(guilty)); // its function may never return
      fail(guilty, error);
    } else {
      console.error(error);
    }
  }

  /** Resolves when nothing runs. WebSocket clients are told to go. */
  async drain() {
    this.#isEnding = true;
    this.sockets.close();
    for (const one of this.#running) {
      if (one instanceof Response && !one.headersSent) one.shouldKeepAlive = false;
    }
    if (this.#running.size > 0) await new Promise((resolve) => (this.#onIdle = resolve));
  }

  /** Nobody will be started in this pod after us. */
  forget() {
    this.#remembered.forget();
  }

  #isFull() {
    return this.#limit > 0 && this.#running.size >= this.#limit;
  }

  async #call(request, response) {
    this.#running.add(response);
    const closed = new Promise((resolve) => response.once('close', resolve));
    try {
      if (bodies.hasBody(request.headers)) await bodies.read(request, this.#bodyLimit);
      await this.#run(request, response);
    } catch (error) {
      if (error instanceof bodies.BadRequest) refuseBody(request, response, error);
      else fail(response, error);
    }
    await closed;
    this.#ended(response);
  }

  /** Calls are told apart where several may run; that costs a fifth of a small call's time. */
  #run(request, response) {
    const run = () => call(this.#function, request, response, this.realPath);
    return this.#limit === 1 ? run() : this.#calls.run(response, run);
  }

  #ended(one) {
    this.#running.delete(one);
    if (this.#running.size === 0 && this.#onIdle !== null) this.#onIdle();
  }

  async #handleGeneric(request, response, path) {
    if (!SPECIALIZE.has(path)) {
      response.set('X-Fission-Busy', 0); // the router takes the call elsewhere
      plain(response, 500, 'Generic container: no requests supported');
      return;
    }
    if (request.method !== 'POST') {
      response.set('Allow', 'POST');
      plain(response, 405, `${path} takes POST`);
      return;
    }
    if (!this.isGeneric) {
      request.resume();
      plain(response, 400, 'Not a generic container');
      return;
    }
    await this.#specialize(request, response, path);
  }

  async #specialize(request, response, path) {
    this.#isLoading = true;
    try {
      const bytes = await bodies.gather(request, MAX_LOAD_REQUEST_BYTES);
      const loadRequest = path === '/specialize' ? {} : decodeLoadRequest(bytes);
      const count = await this.#load(loadRequest);
      if (this.#remembered !== null) this.#remembered.write(loadRequest);
      if (count > 0) response.set(variables.HEADER, count);
      plain(response, 202, '');
    } catch (error) {
      if (error instanceof LoadError) console.error(error.message);
      else if (!(error instanceof bodies.BadRequest)) console.error(error);
      plain(response, error.status || 500, error.message);
    } finally {
      this.#isLoading = false;
    }
  }

  /** Load with the function's variables; returns how many these are. */
  async #load(loadRequest) {
    let wanted;
    try {
      wanted = variables.parse(loadRequest);
    } catch (error) {
      throw new bodies.BadRequest(400, `the load request is malformed: ${error.message}`);
    }
    const names = Object.keys(wanted);
    const takeBack = variables.apply(wanted);
    try {
      if (names.length > 0) this.#configure(process.env);
      await this.#loadCode(loadRequest);
    } catch (error) {
      takeBack();
      throw error;
    }
    return names.length;
  }

  /** An empty load request is version 1: a fixed file with a default export. */
  async #loadCode(loadRequest) {
    const isV1 = Object.keys(loadRequest).length === 0;
    const place = isV1 ? CODE_PATH_V1 : loadRequest.filepath || CODE_PATH;
    const options = { modules: this.#modules };
    const loaded = await load(this.realPath(place), loadRequest.functionName || '', options);
    this.#limit = Number(loadRequest.requestsPerPod) || 0;
    this.#function = loaded;
  }
}

function decodeLoadRequest(bytes) {
  let value;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw new bodies.BadRequest(400, `the load request is malformed: ${error.message}`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new bodies.BadRequest(400, 'the load request is malformed: it is not a JSON object');
  }
  return value;
}

function refuseBody(request, response, error) {
  if (response.destroyed || response.headersSent) return;
  request.removeAllListeners('data');
  request.resume(); // what is left of the body has to go somewhere before the answer is read
  plain(response, error.status, `${error.message}\n`);
}

function plain(response, status, text) {
  response.status(status).type('text').send(text);
}

module.exports = { Runtime };
