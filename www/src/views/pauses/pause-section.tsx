/** The budget, the pauses, and what can be done about them. */

import { usePauses } from "../../domain/pause-book";
import type { PauseBook } from "../../domain/pauses";
import { number, plural } from "../../domain/words";
import type { Mode, Pause, Policy } from "../../lib/api";
import { rights, useSession } from "../../lib/auth";
import { useNow } from "../../lib/time";
import { useDialogs } from "../../ui/dialog";
import { Failure, Loading } from "../../ui/notice";
import { PauseDialog } from "../../ui/pause-dialog";
import { Said } from "../../ui/said";
import { Time } from "../../ui/time";
import { PauseEnd } from "./pause-end";
import { PauseLength } from "./pause-length";
import { PauseList } from "./pause-list";

interface Props {
  tenant: string;
  policy: Policy;
}

type Open = { dialog: "pause" } | { dialog: "length" | "end"; pause: Pause };

export function Pauses({ tenant, policy }: Props) {
  const { me } = useSession();
  const { value: book, error, reload } = usePauses(tenant);
  const { open, setOpen, words, close, done } = useDialogs<Open>(reload);
  const may = rights(me).operate;
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
      <Said words={words} />
      {error !== undefined && <Failure error={error} retry={reload} />}
      {book === undefined && error === undefined && <Loading what="pauses" />}
      {book && book.pauses.length === 0 && (
        <p class="muted">
          There was no pause yet. One suits a migration, or days on which no mail may be late: all mail is
          accepted, and no server's clock runs.
        </p>
      )}
      {book && book.pauses.length > 0 && (
        <PauseList
          tenant={tenant}
          pauses={book.pauses}
          onLength={may ? (pause) => setOpen({ dialog: "length", pause }) : undefined}
          onEnd={(pause) => setOpen({ dialog: "end", pause })}
        />
      )}
      {open?.dialog === "pause" && <PauseDialog tenant={tenant} onClose={close} onDone={done} />}
      {book && open?.dialog === "length" && (
        <PauseLength tenant={tenant} book={book} pause={open.pause} onClose={close} onDone={done} />
      )}
      {book && open?.dialog === "end" && (
        <PauseEnd tenant={tenant} book={book} pause={open.pause} onClose={close} onDone={done} />
      )}
    </section>
  );
}

/** The sentence that matters: whether enforcement is paused, and what is left of the budget. */
function Standing({ book, mode }: { book: PauseBook; mode: Mode }) {
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
