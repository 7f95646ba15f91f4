/**
 * Where a mail server delivers to over SMTP: keeps each message's octets, by its recipient.
 */
import { once } from "node:events";
import { createServer } from "node:net";
import { until } from "../../support/client.mjs";
import { HOST } from "./servers.mjs";

const END = Buffer.from("\r\n.\r\n");

export async function startSink() {
  /** @type {Map<string, Buffer>} */
  const messages = new Map();
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.write("220 sink.test ESMTP\r\n");
    let read = Buffer.alloc(0);
    /** @type {string[]} */
    let recipients = [];
    let inData = false;
    socket.on("data", (chunk) => {
      read = Buffer.concat([read, chunk]);
      for (;;) {
        if (inData) {
          // an empty message is a dot alone
          const at = read.subarray(0, 3).equals(END.subarray(2)) ? -2 : read.indexOf(END);
          if (at === -1) return;
          const data = unstuffed(read.subarray(0, Math.max(at + 2, 0)));
          for (const recipient of recipients) messages.set(recipient, data);
          read = read.subarray(at + END.length);
          [inData, recipients] = [false, []];
          socket.write("250 2.0.0 kept\r\n");
          continue;
        }
        const at = read.indexOf("\r\n");
        if (at === -1) return;
        const line = read.subarray(0, at).toString("latin1");
        read = read.subarray(at + 2);
        if (/^EHLO/i.test(line)) socket.write("250-sink.test\r\n250-8BITMIME\r\n250 SIZE 0\r\n");
        else if (/^DATA/i.test(line)) {
          inData = true;
          socket.write("354 go on\r\n");
        } else if (/^QUIT/i.test(line)) socket.end("221 2.0.0 bye\r\n");
        else {
          const recipient = /^RCPT TO:<([^>]*)>/i.exec(line)?.[1];
          if (recipient) recipients.push(recipient);
          socket.write("250 2.0.0 ok\r\n");
        }
      }
    });
  });
  server.listen(0, HOST);
  await once(server, "listening");
  return {
    port: /** @type {import("node:net").AddressInfo} */ (server.address()).port,
    /** What came for that recipient, once it has. @param {string} recipient @returns {Promise<Buffer>} */
    message: (recipient) =>
      until(`mail for ${recipient}`, async () => messages.get(recipient) ?? false, { ms: 30_000 }),
    stop: async () => {
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}

/** Without the dots that SMTP puts before a line's own (RFC 5321, section 4.5.2). @param {Buffer} data */
function unstuffed(data) {
  const text = data.toString("latin1").replaceAll(/(^|\r\n)\./g, "$1");
  return Buffer.from(text, "latin1");
}
