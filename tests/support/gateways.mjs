/**
 * What gateways send: messages, keys, and bytes past every HTTP library.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:net";
import { received } from "./client.mjs";

/**
 * Makes a key known as its Durable Object would publish it.
 * @param {import("./kv-service.mjs").KvService} kv
 * @param {string} id
 * @param {object} [record] what differs from a gateway's key for the tenant of the same name
 * @returns {Promise<string>} the key
 */
export async function storeKey(kv, id, record = {}) {
  const key = `tg_${id}_0123456789abcdef`;
  const stored = { id, role: "gateway", tenant: id, gateway: { connector: "on_premises" }, ...record };
  await kv.put(`key/${createHash("sha256").update(key).digest("hex")}`, JSON.stringify(stored));
  return key;
}

/**
 * A whole message, handed over by an Exchange server.
 * @param {{ now: number, host?: string, build?: string, own?: string }} options `own`: a field that the gateway put on top
 */
export function message({ now, host = "EX01.contoso.com", build, own = "" }) {
  const header = received({ host, now, ...(build ? { build } : {}) });
  return `${own}${header}From: a@contoso.com\r\nTo: b@example.org\r\nSubject: x\r\n\r\nBody\r\n`;
}

/**
 * Writes bytes to a worker and reads one answer, however it is framed.
 * @param {number} port
 * @param {(write: (bytes: string | Buffer) => Promise<void>) => Promise<void>} send
 * @returns {Promise<{ status: number, head: string, body: string, ms: number }>}
 */
export async function exchange(port, send) {
  const socket = connect(port, "127.0.0.1");
  await once(socket, "connect");
  const start = performance.now();
  const answered = answer(socket, start);
  const write = (/** @type {string | Buffer} */ bytes) =>
    /** @type {Promise<void>} */ (
      new Promise((resolve) => {
        if (socket.destroyed) resolve();
        else socket.write(bytes, () => resolve());
      })
    );
  // who has its answer need not go on sending
  send(write).catch(() => {});
  try {
    return await answered;
  } finally {
    socket.destroy();
  }
}

/**
 * As `exchange`, by a client that reads nothing until it has sent everything; the connection has to be closed then.
 * @param {number} port
 * @param {string} bytes
 */
export async function sendThenRead(port, bytes) {
  const socket = connect(port, "127.0.0.1");
  socket.pause();
  await once(socket, "connect");
  const start = performance.now();
  await new Promise((resolve, reject) => {
    socket.once("error", reject).write(bytes, () => resolve(undefined));
  });
  return await answer(socket.resume(), start);
}

/**
 * @param {import("node:net").Socket} socket
 * @param {number} start
 * @returns {Promise<{ status: number, head: string, body: string, ms: number }>}
 */
function answer(socket, start) {
  let text = "";
  return new Promise((resolve, reject) => {
    const check = (/** @type {boolean} */ ended) => {
      const end = text.indexOf("\r\n\r\n");
      if (end < 0) return;
      const [head, body] = [text.slice(0, end), text.slice(end + 4)];
      const length = /^content-length: *(\d+)/im.exec(head)?.[1];
      if (length === undefined ? ended : body.length >= Number(length)) {
        resolve({ status: Number(head.split(" ")[1]), head, body, ms: performance.now() - start });
      }
    };
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      check(false);
    });
    socket.on("error", reject);
    socket.on("close", () => {
      check(true);
      reject(new Error(`no answer: ${text}`));
    });
  });
}

/** @param {string | Buffer} body */
export function chunk(body) {
  return Buffer.concat([
    Buffer.from(`${body.length.toString(16)}\r\n`),
    Buffer.from(body),
    Buffer.from("\r\n"),
  ]);
}
