/**
 * What stands in Tidegate's place and answers what Tidegate never does.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import { HOST } from "./servers.mjs";

/** @typedef {{ status?: number, body?: string | object, cut?: boolean }} Answer `cut`: the connection ends instead */

/** @type {Answer[]} */
const NO_DECISIONS = [
  { status: 500, body: { status: 500, title: "Internal Server Error" } },
  { body: "<html>Welcome</html>" },
  { body: "" },
  { body: "[]" },
  { body: { action: "discard" } },
  { body: { action: "defer", reply: null } },
  { body: { action: "reject", reply: { code: 550, enhanced: "2.0.0", text: "fine" } } },
  { body: `"${"x".repeat(100_000)}"` },
  { cut: true },
];

/** A decision whose text would end the reply's line. */
const INJECTING = {
  action: "defer",
  reply: { code: 450, enhanced: "4.7.230", text: "old\r\n250 2.0.0 injected" },
};

export async function startStub() {
  /** @type {Answer} */
  let answer = {};
  const server = createServer((request, response) => {
    request.resume().on("end", () => {
      const { status = 200, body = "", cut } = answer;
      if (cut) return request.socket.destroy();
      const text = typeof body === "string" ? body : JSON.stringify(body);
      response.writeHead(status, {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(text),
      });
      response.end(text);
    });
  });
  server.listen(0, HOST);
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    url: `http://${HOST}:${port}`,
    NO_DECISIONS,
    INJECTING,
    set: (/** @type {Answer} */ next) => {
      answer = next;
    },
    stop: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
