/** What was read, and how completely. */
import { number, plural } from "../../domain/words";
import type { Check } from "./checker";
import { bytes, rate } from "./size";

/** That the engine's scanner keeps */
const MAX_SERVERS = 50_000;

export function Summary({ check }: { check: Check }) {
  const { phase, result } = check;
  if (phase === "reading" || !result || (phase === "failed" && result.messages === 0)) return null;
  return (
    <p class="muted">
      {what(check, result.messages)}
      {check.mended && " Its lines were put in order first: the copy had quoted, indented or broken them."}
      {result.unreadable > 0 &&
        ` ${plural(result.unreadable, "Received field")} could not be read and ${result.unreadable === 1 ? "proves" : "prove"} nothing.`}
      {result.truncated &&
        (result.servers.length >= MAX_SERVERS
          ? ` Only the first ${number(MAX_SERVERS)} servers are listed: it names more than can be kept.`
          : " Some headers, or what they say of a server, were longer than what is read.")}
      {result.messages > 1 &&
        " A server is judged by its newest message here; it may have been updated since."}
    </p>
  );
}

/** `archive.mbox: 3,846 messages, 200 MB, read in 2.1 s (95 MB/s).` */
function what({ source, progress, took, phase }: Check, messages: number): string {
  const name = source.name ?? "Pasted text";
  const size = phase === "done" ? bytes(source.size) : `${bytes(progress.bytes)} of ${bytes(source.size)}`;
  if (phase === "done" && messages <= 1) return `${name}, ${size}.`;
  const speed = took > 200 ? ` in ${(took / 1_000).toFixed(1)} s (${rate(progress.bytes, took)})` : "";
  return `${name}: ${plural(messages, "message")}, ${size}, read${speed}.`;
}
