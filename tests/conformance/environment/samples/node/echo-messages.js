/** Sends every message back to whoever sent it. */
'use strict';

module.exports = (ws, clients) => {
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
};
