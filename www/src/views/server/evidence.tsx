/** By which `Received` fields a server was recognised, with the part marked that tells. */
import { useState } from "preact/hooks";
import { COMPONENTS } from "../../domain/words";
import type { ServerDetail } from "../../lib/api";
import { Evidence as Marked, visible } from "../../ui/hostile";
import { Fact, Time } from "../../ui/text";

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
          <Fact name="Field">{place(item.field)}</Fact>
          <Fact name="Stamped by">{COMPONENTS[item.component]}</Fact>
          <Fact name="Build">{item.build}</Fact>
          <Fact name="Machine">{item.node}</Fact>
          <Fact name="Message of">
            <Time at={item.at} />
          </Fact>
          <Fact name="The part that tells">{telling === null && visible(item.text)}</Fact>
        </dl>
      </figcaption>
    </figure>
  );
}

/** Fields are counted from 0, the topmost. */
function place(field: number): string {
  return field === 0 ? "0, the topmost Received field" : `${field}, counted from 0 at the top`;
}

/** Where in a `Received` field the part lies that tells. Its beginning and end in `received`; `null` if it is not there. Blanks and folds may differ. */
function find(text: string, received: string): [number, number] | null {
  const words = text.trim().split(/\s+/).filter(Boolean);
  if (words.length === 0) return null;
  const found = new RegExp(words.map(literally).join("\\s+")).exec(received);
  return found && [found.index, found.index + found[0].length];
}

function literally(word: string): string {
  return word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
