/** Asks before a pause is ended early, or withdrawn before it began. */

import { begunOf, costs, type PauseBook } from "../../domain/pauses";
import { plural } from "../../domain/words";
import type { Pause } from "../../lib/api";
import { useSession } from "../../lib/auth";
import { path } from "../../lib/http";
import { useNow } from "../../lib/time";
import { Dialog } from "../../ui/dialog";
import { Buttons, useSending } from "../../ui/form";
import { Refusal } from "../../ui/notice";
import type { Words } from "../../ui/said";

interface Props {
  tenant: string;
  book: PauseBook;
  pause: Pause;
  onClose: () => void;
  onDone: (words: Words) => void;
}

export function PauseEnd({ tenant, book, pause, onClose, onDone }: Props) {
  const { api } = useSession();
  const back = returned(book, pause, useNow());
  const withdraws = pause.state === "scheduled";
  const { busy, error, submit } = useSending(async () => {
    await api.ask("DELETE", path`/v1/tenants/${tenant}/pauses/${pause.id}`);
    const what = withdraws ? "The pause is withdrawn." : "The pause has ended; enforcement goes on.";
    onDone({ text: `${what} ${back}`, focus: true });
  });
  return (
    <Dialog title={withdraws ? "Withdraw the pause?" : "End the pause now?"} onClose={onClose}>
      <form onSubmit={submit}>
        <p>
          {withdraws
            ? "It will not take place."
            : "Mail is deferred and rejected again at once, each server as before the pause. An ended pause cannot be resumed."}{" "}
          {back}
        </p>
        <Refusal error={error} />
        <Buttons
          deed={withdraws ? "Withdraw it" : "End it now"}
          doing={withdraws ? "Withdrawing …" : "Ending …"}
          busy={busy}
          danger
          cancel="Keep it"
          onCancel={onClose}
        />
      </form>
    </Dialog>
  );
}

/** `9 days of 2026 and 3 days of 2027 come back.` */
function returned(book: PauseBook, pause: Pause, now: Date): string {
  const years = costs(book, begunOf(pause, now), pause.id).filter(({ takes }) => takes < 0);
  if (years.length === 0) return "No day comes back: all of them have begun.";
  const parts = years.map(({ year, takes }) => `${plural(-takes, "day")} of ${year}`);
  const one = years.length === 1 && years[0]?.takes === -1;
  return `${parts.join(" and ")} ${one ? "comes" : "come"} back to the budget.`;
}
