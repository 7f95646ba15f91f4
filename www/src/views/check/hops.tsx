/** How a single message came: every hop, the newest first, and what it proves. */
import type { HeaderHop, Reading } from "../../../../pkg/tidegate";
import { Evidence, visible } from "../../ui/hostile";
import { Time } from "../../ui/text";
import { release } from "./server";

interface Props {
  header: Reading;
  /** Servers were found in it. */
  found: boolean;
}

export function Hops({ header, found }: Props) {
  if (header.hops.length === 0) return null;
  const telling = header.finding === "server" ? header.evidence?.field : undefined;
  return (
    <>
      <h2 id="check-hops">How the message came, newest hop first</h2>
      {found && (
        <p>
          Enforcement looks at the server that hands a message over, and at no other.{" "}
          {visible(header.why.replaceAll("`", ""))}
        </p>
      )}
      {header.truncated && <p>The header is longer than what is read: its first MiB, 1,000 fields.</p>}
      <ol class="check-hops" aria-labelledby="check-hops">
        {header.hops.map((hop) => (
          <li key={hop.field} class={hop.field === telling ? "check-hop-telling" : undefined}>
            <h3>{hop.by === null ? "A field that cannot be read" : visible(hop.by)}</h3>
            <p>
              {proof(hop)}
              {hop.field === telling && <b> This is the field by which the connecting server is judged.</b>}
            </p>
            <Evidence text={hop.text} telling={isExchange(hop) ? hop.telling : null} />
            {hop.at !== null && (
              <p class="muted">
                <Time at={hop.at} />
              </p>
            )}
          </li>
        ))}
      </ol>
    </>
  );
}

function isExchange({ component, exchangeOnline }: HeaderHop): boolean {
  return component !== "other" && !exchangeOnline;
}

/** Whether a hop counts, and why. */
function proof(hop: HeaderHop): string {
  if (hop.unreadable !== null) return `Proves nothing: ${hop.unreadable}.`;
  if (hop.exchangeOnline) return "Exchange Online's own: never an on-premises server.";
  const what = hop.build === null ? "Exchange without a build" : `${release(hop)}, build ${hop.build}`;
  switch (hop.component) {
    case "smtp":
      return `Counts: on-premises ${what}.`;
    case "mapi":
      return `Counts where no SMTP hop of the same server stands beside it: a mailbox handed it in, ${what}.`;
    case "pickup":
      return `Shows the product alone: the Pickup folder stamps an older number, ${what}.`;
    case "shadow_redundancy":
      return `Shows the product alone: shadow redundancy stamps an older number, ${what}.`;
    case "legacy":
      return hop.build === null
        ? "An old SMTP service of Windows: Exchange 2000 or 2003, or plain IIS. It shows no build."
        : `Counts: on-premises ${what}.`;
    case "other":
      return "Not Exchange.";
  }
}
