/** What to do where a check found nothing, or could not be made. */
import type { Reading } from "../../../pkg/tidegate";
import type { Check } from "./checker";
import type { Problem } from "./protocol";

const ADVICE: Record<Problem, string> = {
  unreadable:
    "The file was changed, moved or removed since you chose it, or may not be read. Choose it again; of a mailbox that is in use, take a copy first.",
  outlook:
    "Outlook's own files (.msg, .pst) cannot be read here. Save the message as .eml, or paste its header.",
  packed: "The file is compressed. Unpack it first.",
  engine: "The engine could not be loaded, or broke down. Load the page again, then try once more.",
};

export function Failed({ problem, detail }: { problem: Problem; detail: string }) {
  return (
    <div class="notice notice-error" role="alert">
      <p>{ADVICE[problem]}</p>
      {problem === "engine" && detail && <p class="muted">{detail}</p>}
    </div>
  );
}

/** Why no server was found. */
export function Nothing({ check }: { check: Check }) {
  const { result, header } = check;
  if (check.phase === "reading" || check.phase === "failed" || !result || result.servers.length > 0)
    return null;
  return <p>{why(result.messages, header)}</p>;
}

function why(messages: number, header: Reading | null): string {
  if (messages === 0) {
    return "A message begins with header fields such as “Received: from …”, a mailbox with a line such as “From somebody@example.com …”. Save it as .eml or .mbox, or paste the header.";
  }
  if (!header) {
    return "Each of them came through other software or Exchange Online alone, or its Received fields were left out when it was saved.";
  }
  if (header.hops.length === 0) {
    return "It has no Received field: it was not sent yet, or the fields were left out. Copy the whole header: mail programs call it source, original, or Internet headers.";
  }
  if (header.hops.some(({ exchangeOnline }) => exchangeOnline)) {
    return "Its only Exchange hops are Exchange Online's own, which Microsoft keeps up to date.";
  }
  return "None of its hops is by Exchange.";
}
