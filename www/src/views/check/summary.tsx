/** What is being read, how far and how fast; what was found, in one sentence; how completely it was read. */
import { number, plural } from "../../domain/words";
import type { Check } from "./checker";

/** That the engine's scanner keeps */
const MAX_SERVERS = 50_000;

export function Summary({ check }: { check: Check }) {
  const { phase, result } = check;
  if (phase === "reading" || !result || (phase === "failed" && result.messages === 0)) return null;
  return (
    <p class="muted">
      {what(check, result.messages)}
      {result.mended && " Its lines were put in order first: the copy had quoted, indented or broken them."}
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

export function sentence({ phase, source, result }: Check): string {
  if (phase === "reading") return `Reading ${source.name ?? "what you pasted"} …`;
  if (!result) return "This could not be checked.";
  const part = phase !== "done";
  const { messages, servers } = result;
  const where = part ? "the part that was read" : messages === 1 ? "this message" : "this mailbox";
  if (messages === 0) return part ? "No message was read." : "There is no message in it.";
  const total = servers.length;
  if (total === 0) {
    if (messages > 1) return `No Exchange server is shown by the ${number(messages)} messages of ${where}.`;
    return `No Exchange server is shown by ${where}.`;
  }
  const count = (state: string) => servers.filter(({ standing }) => standing.state === state).length;
  const [outOfDate, current] = [count("out_of_date"), count("current")];
  if (total === 1) {
    const is = outOfDate ? "is out of date" : current ? "is up to date" : "cannot be judged";
    return `The Exchange server in ${where} ${is}.`;
  }
  const all = `${total === 2 ? "Both" : `All ${number(total)}`} Exchange servers in ${where}`;
  if (outOfDate === total) return `${all} are out of date.`;
  if (current === total) return `${all} are up to date.`;
  const unknown = total - outOfDate - current;
  const rest = unknown > 0 ? `; ${number(unknown)} cannot be judged` : "";
  const some = outOfDate === 0 ? "None" : number(outOfDate);
  return `${some} of ${number(total)} Exchange servers in ${where} ${outOfDate > 1 ? "are" : "is"} out of date${rest}.`;
}

export function ReadSoFar({ check, onStop }: { check: Check; onStop: () => void }) {
  const { source, progress, took } = check;
  const share = source.size > 0 ? progress.bytes / source.size : 0;
  return (
    <div class="check-reading">
      <div class="check-bar">
        <progress aria-label="Read so far" max={1} value={share} />
        <button type="button" onClick={onStop}>
          Cancel
        </button>
      </div>
      <p class="check-figures">
        <span>
          {Math.floor(share * 100)}%: {bytes(progress.bytes)} of {bytes(source.size)}
        </span>
        {took > 500 && (
          <>
            <span>{rate(progress.bytes, took)}</span>
            <span>{secondsLeft(source.size - progress.bytes, progress.bytes, took)}</span>
          </>
        )}
        <span>{plural(progress.messages, "message")}</span>
        <span>{plural(check.result?.servers.length ?? 0, "Exchange server")}</span>
      </p>
    </div>
  );
}

/** `812 B`, `14.2 kB`, `1.9 GB` */
export function bytes(count: number): string {
  if (count < 1_000) return `${count} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = count / 1_000;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${value < 99.95 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}

/** `85 MB/s`, of octets in milliseconds */
export function rate(count: number, took: number): string {
  return `${bytes(Math.round((count / Math.max(took, 1)) * 1_000))}/s`;
}

/** `about 12 s left`, as fast as until now */
export function secondsLeft(left: number, read: number, took: number): string {
  if (read === 0) return "";
  const seconds = Math.ceil((left / read) * (took / 1_000));
  if (seconds < 90) return `about ${seconds} s left`;
  return `about ${Math.ceil(seconds / 60)} min left`;
}
