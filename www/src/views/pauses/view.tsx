/** What stops the clocks of a tenant: its pauses with their budget, and the exemptions of single servers. */
import { usePauses } from "../../domain/pause-book";
import type { PauseBook } from "../../domain/pauses";
import { number, plural } from "../../domain/words";
import type { Pause, Policy } from "../../lib/api";
import { rights, useSession } from "../../lib/auth";
import { value } from "../../lib/http";
import { useResource } from "../../lib/resource";
import type { TabProps } from "../../lib/router";
import { useNow } from "../../lib/time";
import { Await } from "../../ui/await";
import { PauseDialog } from "../../ui/pause-dialog";
import { StatusLine, useDialogs } from "../../ui/status";
import { Time } from "../../ui/text";
import { PauseEnd, PauseLength } from "./change";
import { Exemptions } from "./exemptions";
import { PauseList } from "./list";

interface Props {
  tenant: string;
  policy: Policy;
}

export function PausesTab({ tenant }: TabProps) {
  const { api } = useSession();
  const policy = useResource<Policy>(`policy ${tenant}`, ({ signal }) =>
    value(api.GET("/v1/tenants/{tenant}/policy", { params: { path: { tenant } }, signal })),
  );
  return (
    <Await of={policy} what="pauses">
      {(policy) => (
        <>
          <Pauses tenant={tenant} policy={policy} />
          <Exemptions tenant={tenant} policy={policy} />
        </>
      )}
    </Await>
  );
}

type Open = { dialog: "pause" } | { dialog: "length" | "end"; pause: Pause };

function Pauses({ tenant, policy }: Props) {
  const { me } = useSession();
  const pauses = usePauses(tenant);
  const { open, setOpen, words, close, done } = useDialogs<Open>(pauses.reload);
  const may = rights(me).operate;
  const dialog = { tenant, onClose: close, onDone: done };
  const book = pauses.value;
  return (
    <section class="pauses" aria-labelledby="pauses">
      <h2 id="pauses" class="hidden">
        Pauses
      </h2>
      {book && <Standing book={book} mode={policy.mode} />}
      {may && (
        <p class="actions leading">
          <button type="button" class="primary" onClick={() => setOpen({ dialog: "pause" })}>
            Pause enforcement
          </button>
        </p>
      )}
      <StatusLine words={words} />
      <Await of={pauses} what="pauses">
        {(book) =>
          book.pauses.length === 0 ? (
            <p class="muted">
              There was no pause yet. One suits a migration, or days on which no mail may be late: all mail is
              accepted, and no server's clock runs.
            </p>
          ) : (
            <PauseList tenant={tenant} pauses={book.pauses} onOpen={may ? setOpen : undefined} />
          )
        }
      </Await>
      {open?.dialog === "pause" && <PauseDialog {...dialog} />}
      {book && open?.dialog === "length" && <PauseLength {...dialog} book={book} pause={open.pause} />}
      {book && open?.dialog === "end" && <PauseEnd {...dialog} book={book} pause={open.pause} />}
    </section>
  );
}

/** The sentence that matters: whether enforcement is paused, and what is left of the budget. */
function Standing({ book, mode }: { book: PauseBook; mode: Policy["mode"] }) {
  const now = useNow().toISOString();
  const running = book.pauses.find(
    ({ state, from, until }) =>
      (state === "running" || (state === "scheduled" && from <= now)) && now < until,
  );
  const { days_per_year, years } = book.budget;
  return (
    <div class="headline">
      <p class="headline-first">
        {running ? (
          <>
            Enforcement is paused until <Time at={running.until} short countdown="beside" />.
          </>
        ) : (
          "Enforcement is not paused."
        )}
      </p>
      <p class="muted">
        Left to pause: {years.map(({ year, left }) => `${plural(left, "day")} in ${year}`).join(", ")}; a year
        has {number(days_per_year)}.
        {mode !== "enforce" && " Nothing is enforced at present: a pause would only stop the clocks."}
      </p>
    </div>
  );
}
