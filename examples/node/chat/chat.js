/** A chat room: what one says, everybody in this pod hears. */
'use strict';

module.exports = (socket, clients) => {
  const name = new URLSearchParams(socket.url.split('?')[1]).get('name') || 'somebody';
  const tell = (text) => clients.forEach((client) => client.send(text));
  tell(`${name} came`);
  socket.on('message', (data) => tell(`${name}: ${data}`));
  socket.on('close', () => tell(`${name} left`));
};
