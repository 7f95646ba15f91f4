/**
 * TLS before the worker, with a certificate authority of one's own.
 */
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createServer } from "node:tls";
import { HOST, needs, remove, run, scratch } from "./servers.mjs";

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

/**
 * @typedef {object} TlsFront
 * @property {string} url
 * @property {string} authority file of the authority's certificate
 * @property {() => number} connections how many were made so far
 * @property {() => Promise<void>} stop
 */

/**
 * @param {number} target Tidegate's port
 * @returns {Promise<TlsFront>}
 */
export async function startTls(target) {
  const folder = scratch("tls");
  const openssl = needs("openssl");
  const file = (/** @type {string} */ name) => join(folder, name);
  writeFileSync(file("names"), "subjectAltName=DNS:localhost\n");
  run(openssl, [
    ...["req", "-x509", ...NEW_KEY, "-days", "2", "-subj", "/CN=Test authority"],
    ...["-keyout", file("ca.key"), "-out", file("ca.pem")],
  ]);
  run(openssl, [
    ...["req", ...NEW_KEY, "-subj", "/CN=localhost", "-keyout", file("key"), "-out", file("request")],
  ]);
  run(openssl, [
    ...["x509", "-req", "-in", file("request"), "-CA", file("ca.pem"), "-CAkey", file("ca.key")],
    ...["-CAcreateserial", "-days", "2", "-extfile", file("names"), "-out", file("certificate")],
  ]);
  let connections = 0;
  /** @type {Set<import("node:net").Socket>} */
  const sockets = new Set();
  const server = createServer(
    { key: readFileSync(file("key")), cert: readFileSync(file("certificate")), ALPNProtocols: ["http/1.1"] },
    (gateway) => {
      connections += 1;
      const worker = connect(target, HOST);
      for (const socket of [gateway, worker]) {
        sockets.add(socket);
        const end = () => {
          gateway.destroy();
          worker.destroy();
        };
        socket.setNoDelay(true).on("error", end).on("close", end);
      }
      gateway.pipe(worker).pipe(gateway);
    },
  );
  server.listen(0, HOST);
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    url: `https://localhost:${port}`,
    authority: file("ca.pem"),
    connections: () => connections,
    stop: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
      remove(folder);
    },
  };
}
