// A gate before a server: it lets nothing through until it is opened, as if the server were busy.

import net from 'node:net';

/** Connections to `gate.url` wait until `gate.open()`, then reach the server at `url`. */
export async function gateBefore(url) {
  const { hostname, port } = new URL(url);
  const sockets = new Set();
  let waiting = [];
  let isOpen = false;
  const keep = (socket) => {
    sockets.add(socket);
    // Whoever goes away closes both ends.
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  };
  const server = net.createServer((socket) => {
    keep(socket);
    const pass = () => {
      if (socket.destroyed) return;
      const behind = net.connect(Number(port), hostname);
      keep(behind);
      socket.on('close', () => behind.destroy());
      behind.on('close', () => socket.destroy());
      socket.pipe(behind).pipe(socket);
    };
    if (isOpen) pass();
    else waiting.push(pass);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  server.unref();
  return {
    url: `https://127.0.0.1:${server.address().port}`,
    waiting: () => waiting.length,
    open() {
      isOpen = true;
      for (const pass of waiting) pass();
      waiting = [];
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
