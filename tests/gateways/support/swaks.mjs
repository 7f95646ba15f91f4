/**
 * Hands messages to a mail server over SMTP with swaks, as an Exchange server would.
 */
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { HOST, needs } from "./servers.mjs";

/**
 * @typedef {object} Sent
 * @property {string} reply the last reply to the message, its lines joined with LF; what SMTP puts before a line's text
 *   stays
 * @property {number} code of that reply
 * @property {number} ms from the start of swaks to its end
 * @property {string} transcript
 */

/**
 * @param {number} port
 * @param {{ header: string, from?: string, to?: string, helo?: string, body?: string,
 *   args?: string[] }} message `header` with CRLF;
 *   From, To and Subject are added
 * @returns {Promise<Sent>}
 */
export async function send(
  port,
  { header, from = "a@contoso.com", to = "b@gw.test", helo, body, args = [] },
) {
  const fields = `${header}From: <${from}>\r\nTo: <${to}>\r\nSubject: hello\r\n`;
  const start = performance.now();
  const child = spawn(
    needs("swaks"),
    [
      ...["--server", HOST, "--port", String(port), "--from", from, "--to", to],
      ...["--helo", helo ?? "ex01.contoso.com", "--timeout", "60", "--data", "-", ...args],
    ],
    { stdio: ["pipe", "pipe", "pipe"] },
  );
  child.stdin.end(`${fields}\r\n${body ?? "A short body.\r\n"}`.replaceAll("\r\n", "\n"));
  const [transcript, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const ms = performance.now() - start;
  // the replies behind the lone dot, up to what the client says next
  const after = transcript.split(/^ -> \.$/m)[1] ?? "";
  const lines = [];
  for (const line of after.split("\n").slice(1)) {
    const reply = /^<(?:-|\*\*|~\*?)\s+(.*)$/.exec(line);
    if (!reply) break;
    lines.push(reply[1]);
  }
  if (lines.length === 0) throw new Error(`no reply to the message:\n${transcript}${errors}`);
  return { reply: lines.join("\n"), code: Number(lines[0].slice(0, 3)), ms, transcript };
}
