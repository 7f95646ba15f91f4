/** By which `Received` fields a server was recognised, with the part marked that tells. */
import { useState } from "preact/hooks";
import type { ServerDetail } from "../../lib/api";
import { Evidence as Marked, visible } from "../../ui/hostile";
import { Time } from "../../ui/time";
import { find } from "./evidence";

type Item = ServerDetail["evidence"][number];

export function Evidence({ server }: { server: ServerDetail }) {
  const [open, setOpen] = useState(false);
  const first = telling(server);
  const others = server.evidence.filter((item) => item !== first);
  return (
    <section aria-labelledby="evidence">
      <h2 id="evidence">Evidence</h2>
      {first === undefined ? (
        <p class="muted">No Received field is kept: it has not sent mail for long.</p>
      ) : (
        <>
          <Field item={first} />
          <p class="hint">
            Marked is what the host behind “by” says of itself. Each host puts its own Received field on top
            of a message, so the build belongs to that host, and never to the one behind “from”.
          </p>
          {others.length > 0 && (
            <details onToggle={(event) => setOpen(event.currentTarget.open)}>
              <summary>
                {others.length} more {others.length === 1 ? "field" : "fields"}
              </summary>
              {open && others.map((item, index) => <Field key={index} item={item} />)}
            </details>
          )}
        </>
      )}
    </section>
  );
}

/** The newest field that shows the build by which the server is judged; otherwise the newest. */
function telling({ build, evidence }: ServerDetail): Item | undefined {
  return evidence.find((item) => item.build === build) ?? evidence[0];
}

const COMPONENTS: Record<Item["component"], string> = {
  smtp: "SMTP",
  mapi: "MAPI",
  pickup: "Pickup folder",
  shadow_redundancy: "shadow redundancy",
  legacy: "old SMTP service",
  other: "another",
};

function Field({ item }: { item: Item }) {
  const start = "Received: ";
  const telling = find(item.text, item.received);
  const shifted = telling?.map((at) => at + start.length) as [number, number] | undefined;
  return (
    <figure class="proof">
      <pre>
        <Marked text={start + item.received} telling={shifted} />
      </pre>
      <figcaption>
        <dl class="known">
          <div>
            <dt>Field</dt>
            <dd>{place(item.field)}</dd>
          </div>
          <div>
            <dt>Stamped by</dt>
            <dd>{COMPONENTS[item.component]}</dd>
          </div>
          {item.build !== null && (
            <div>
              <dt>Build</dt>
              <dd>{item.build}</dd>
            </div>
          )}
          <div>
            <dt>Machine</dt>
            <dd>{item.node}</dd>
          </div>
          <div>
            <dt>Message of</dt>
            <dd>
              <Time at={item.at} />
            </dd>
          </div>
          {telling === null && item.text !== "" && (
            <div>
              <dt>The part that tells</dt>
              <dd>{visible(item.text)}</dd>
            </div>
          )}
        </dl>
      </figcaption>
    </figure>
  );
}

/** Fields are counted from 0, the topmost. */
function place(field: number): string {
  return field === 0 ? "0, the topmost Received field" : `${field}, counted from 0 at the top`;
}
