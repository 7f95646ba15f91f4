/**
 * A plain SMTP session for what swaks cannot do: several messages, and commands in any order.
 */
import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { HOST } from "./servers.mjs";

export class SmtpSession {
  /**
   * @param {import("node:net").Socket} socket
   * @param {AsyncIterator<string>} lines
   */
  constructor(socket, lines) {
    this.socket = socket;
    this.lines = lines;
  }

  /** Connects and says EHLO. @param {number} port */
  static async open(port) {
    const socket = connect(port, HOST).setNoDelay(true);
    await once(socket, "connect");
    const session = new SmtpSession(socket, createInterface({ input: socket })[Symbol.asyncIterator]());
    await session.reply();
    await session.say("EHLO ex01.contoso.com");
    return session;
  }

  /** One reply, its lines joined with LF. */
  async reply() {
    const lines = [];
    for (;;) {
      const { value, done } = await this.lines.next();
      if (done) throw new Error(`the server has closed the connection after: ${lines.join("\n")}`);
      lines.push(value);
      if (value[3] !== "-") return lines.join("\n");
    }
  }

  /** @param {string} command */
  async say(command) {
    this.socket.write(`${command}\r\n`);
    return this.reply();
  }

  /** DATA and what follows, for an envelope that was told. @param {string} header with CRLF */
  async data(header) {
    const go = await this.say("DATA");
    if (!go.startsWith("354")) return go;
    return this.say(`${header}From: <a@contoso.com>\r\nSubject: hello\r\n\r\nA short body.\r\n.`);
  }

  /**
   * A whole message; the reply to it.
   * @param {string} header with CRLF
   * @param {string} [to]
   */
  async send(header, to = "b@gw.test") {
    await this.say("MAIL FROM:<a@contoso.com>");
    await this.say(`RCPT TO:<${to}>`);
    return this.data(header);
  }

  /**
   * A whole message of any octets; the reply to it.
   * @param {Buffer} data its last line ends with CR LF
   * @param {string} to
   */
  async sendRaw(data, to) {
    await this.say("MAIL FROM:<a@contoso.com>");
    await this.say(`RCPT TO:<${to}>`);
    const go = await this.say("DATA");
    if (!go.startsWith("354")) return go;
    const stuffed = data.toString("latin1").replaceAll(/(^|\r\n)\./g, "$1..");
    this.socket.write(Buffer.from(`${stuffed}.\r\n`, "latin1"));
    return this.reply();
  }

  async end() {
    await this.say("QUIT");
    this.socket.destroy();
  }
}
