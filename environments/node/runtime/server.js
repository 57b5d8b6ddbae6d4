/**
 * The HTTP server: Node's own, with requests and responses of our classes and timeouts that suit
 * a platform whose router bounds every call and keeps its connections for 55 seconds.
 */
'use strict';

const http = require('node:http');

const { Request } = require('./request');
const { Response } = require('./response');

const OPTIONS = {
  IncomingMessage: Request,
  ServerResponse: Response,
  /** Longer than any peer keeps a connection that it may use again: only they end idle ones. */
  keepAliveTimeout: 10 * 60 * 1000,
  headersTimeout: 60 * 1000,
  /** How long a body may take is the router's to say. */
  requestTimeout: 0,
  /** Twice what the router lets through, for the headers that it adds. */
  maxHeaderSize: 64 * 1024,
};

/** A server that hands its requests to `runtime`; it does not listen. */
function createServer(runtime) {
  const server = http.createServer(OPTIONS, (request, response) => {
    runtime.handle(request, response);
  });
  server.on('upgrade', (request, socket, head) => runtime.handleUpgrade(request, socket, head));
  return server;
}

/** Take no more connections, and close those that wait for a request. */
function stopAccepting(server) {
  server.close();
  server.closeIdleConnections();
  server.keepAliveTimeout = 1;
}

module.exports = { createServer, stopAccepting };
