/** Gives a pause another length, or ends it early. */
import { useState } from "preact/hooks";
import { begunOf, costs, type PauseBook } from "../../domain/pauses";
import { plural } from "../../domain/words";
import type { Pause } from "../../lib/api";
import { useSession } from "../../lib/auth";
import { value } from "../../lib/http";
import { dateTime, day, useNow } from "../../lib/time";
import { ConfirmDialog, FormDialog } from "../../ui/dialog";
import { visible } from "../../ui/hostile";
import { DaysField, PausePlan, toDays } from "../../ui/pause-dialog";
import type { Words } from "../../ui/status";

interface Props {
  tenant: string;
  book: PauseBook;
  pause: Pause;
  onClose: () => void;
  onDone: (words: Words) => void;
}

export function PauseLength({ tenant, book, pause, onClose, onDone }: Props) {
  const { api } = useSession();
  const [days, setDays] = useState(String(pause.days));
  const length = toDays(days);
  const send = async () => {
    const { until } = await value(
      api.PATCH("/v1/tenants/{tenant}/pauses/{pause}", {
        params: { path: { tenant, pause: pause.id } },
        body: { days: Number(days) },
      }),
    );
    onDone({ text: `The pause lasts until ${dateTime(until)}.` });
  };
  return (
    <FormDialog
      title="Change the pause's length"
      deed="Change the length"
      doing="Changing …"
      disabled={length === pause.days}
      send={send}
      onClose={onClose}
    >
      {(errorOf) => (
        <>
          <p>
            {pause.state === "running" ? "It began on" : "It begins on"} {day(pause.first_day)} and lasts{" "}
            {pause.days === 1 ? "that day" : `until ${day(pause.last_day)}`}: {visible(pause.reason)}
          </p>
          <DaysField
            label="Days in all"
            hint="From its first day on. Days that have begun stay."
            days={days}
            onChange={setDays}
            error={errorOf("days")}
          />
          <PausePlan
            book={book}
            span={length === null ? null : { first: pause.first_day, days: length }}
            begins={pause.from}
            changed={pause.id}
          />
        </>
      )}
    </FormDialog>
  );
}

/** Asks before a pause is ended early, or withdrawn before it began. */
export function PauseEnd({ tenant, book, pause, onClose, onDone }: Props) {
  const { api } = useSession();
  const back = returned(book, pause, useNow());
  const withdraws = pause.state === "scheduled";
  const send = async () => {
    await api.DELETE("/v1/tenants/{tenant}/pauses/{pause}", {
      params: { path: { tenant, pause: pause.id } },
    });
    const what = withdraws ? "The pause is withdrawn." : "The pause has ended; enforcement goes on.";
    onDone({ text: `${what} ${back}`, focus: true });
  };
  return (
    <ConfirmDialog
      title={withdraws ? "Withdraw the pause?" : "End the pause now?"}
      deed={withdraws ? "Withdraw it" : "End it now"}
      doing={withdraws ? "Withdrawing …" : "Ending …"}
      send={send}
      onClose={onClose}
    >
      <p>
        {withdraws
          ? "It will not take place."
          : "Mail is deferred and rejected again at once, each server as before the pause. An ended pause cannot be resumed."}{" "}
        {back}
      </p>
    </ConfirmDialog>
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
