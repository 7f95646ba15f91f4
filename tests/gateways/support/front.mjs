/**
 * A TCP relay between a gateway and Tidegate that is slow or gone on demand. Whatever the gateway says over HTTP it
 * says to the worker itself.
 */
import { once } from "node:events";
import { connect, createServer } from "node:net";

const HOST = "127.0.0.1";

/**
 * `pass`; `slow`: what Tidegate answers arrives after `ms`; `gone`: nothing listens, as if Tidegate were stopped.
 * @typedef {"pass" | "slow" | "gone"} Mode
 */

/**
 * @typedef {object} Front
 * @property {number} port stays the same
 * @property {string} url
 * @property {() => number} connections how many were made so far
 * @property {(mode: Mode, options?: { ms?: number }) => Promise<void>} set ends the connections there are
 * @property {() => void} cut ends the connections there are, as a restart of Tidegate does
 * @property {() => Promise<void>} stop
 */

/**
 * @param {number} target Tidegate's port
 * @returns {Promise<Front>}
 */
export async function startFront(target) {
  /** @type {Set<import("node:net").Socket>} */
  const sockets = new Set();
  let connections = 0;
  let delay = 0;
  const server = createServer((gateway) => {
    connections += 1;
    const worker = connect(target, HOST);
    /** @type {NodeJS.Timeout[]} */
    const timers = [];
    const end = () => {
      timers.forEach(clearTimeout);
      for (const socket of [gateway, worker]) {
        sockets.delete(socket);
        socket.destroy();
      }
    };
    for (const socket of [gateway, worker]) {
      sockets.add(socket);
      socket.setNoDelay(true).on("error", end);
    }
    gateway.on("close", end);
    // whoever has asked to close behind the answer gets that first, however late
    worker.on("close", () => (delay === 0 ? end() : timers.push(setTimeout(end, delay))));
    gateway.on("data", (chunk) => worker.write(chunk));
    worker.on("data", (chunk) => {
      if (delay === 0) gateway.write(chunk);
      else timers.push(setTimeout(() => gateway.write(chunk), delay));
    });
  });
  const listen = async (/** @type {number} */ port) => {
    server.listen(port, HOST);
    await once(server, "listening");
    return /** @type {import("node:net").AddressInfo} */ (server.address()).port;
  };
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const close = async () => {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    cut();
    await closed;
  };
  const port = await listen(0);
  return {
    port,
    url: `http://${HOST}:${port}`,
    connections: () => connections,
    set: async (mode, { ms = 10_000 } = {}) => {
      cut();
      delay = mode === "slow" ? ms : 0;
      if (mode === "gone") await close();
      else if (!server.listening) await listen(port);
    },
    cut,
    stop: close,
  };
}
