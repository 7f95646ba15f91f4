/** What to do where a check found nothing, or could not be made. */
import type { Reading, ScanResult } from "../../../../pkg/tidegate";
import { plural } from "../../domain/words";
import type { Check } from "./checker";
import type { Problem } from "./protocol";

const ADVICE: Record<Problem, string> = {
  unreadable:
    "The file was changed, moved or removed since you chose it, or may not be read. Choose it again; of a mailbox that is in use, take a copy first.",
  damaged:
    "What is compressed in this file breaks off or is damaged, or consists of several parts. Unpack it with another program, then choose what was in it.",
  pst: "This is a data file of Outlook (.pst, .ost), which cannot be read here. Open the message in Outlook, choose File, Properties, copy the Internet headers and paste them above. Or save single messages of it as .msg files.",
  msg: "This Outlook message (.msg) has no Internet header in it: it is a draft or a sent copy, or never left its Exchange organisation. Take the copy that a recipient outside got: in Outlook, File, Properties, Internet headers.",
  winmail:
    "This is winmail.dat, in which Outlook packs a message's looks and attachments. The header is in the message to which it was attached: save that one as .eml, or paste its header.",
  mac: "This is a record of Outlook for Mac without the message's source. In Outlook for Mac, open the message's menu, choose View Source and paste the header above; or drag the message to the desktop, which saves it as .eml.",
  olm: "This is an archive of Outlook for Mac (.olm), which holds no source of its messages. Drag the message from Outlook to the desktop, which saves it as .eml.",
  zip: "No mail can be read in this .zip file: there is no .eml, .mbox, .msg or .txt file in it, or it is encrypted. Unpack it, then choose what was in it.",
  packed:
    "This file is compressed or an archive in a way that cannot be read here. Unpack it, then choose what was in it.",
  document:
    "This is a document, not mail (PDF, RTF, HTML, XML, Office). Open it, copy the header as text and paste it above.",
  json: "This JSON has no header fields in it. Of Microsoft Graph, ask for the message with ?$select=internetMessageHeaders, and paste the answer.",
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
  return <p>{why(result, header)}</p>;
}

function why({ messages, unreadable }: ScanResult, header: Reading | null): string {
  if (messages === 0) {
    return "A message begins with header fields such as “Received: from …”, a mailbox with a line such as “From somebody@example.com …”. Save it as .eml or .mbox, or paste the header.";
  }
  if (unreadable > 0) {
    return `None of the hops that can be read is by Exchange. But ${plural(unreadable, "Received field")} cannot be read, so this does not show that there was none. Choose the message as a file (.eml), or copy its header anew from the message's source.`;
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
