/** Gives a pause another length. */
import { useState } from "preact/hooks";
import type { PauseBook } from "../../domain/pauses";
import type { Pause } from "../../lib/api";
import { useSession } from "../../lib/auth";
import { path } from "../../lib/http";
import { dateTime, day } from "../../lib/time";
import { Dialog } from "../../ui/dialog";
import { Buttons, useSending } from "../../ui/form";
import { Refusal } from "../../ui/notice";
import { DaysField, toDays } from "../../ui/pause-fields";
import { PausePlan } from "../../ui/pause-plan";
import type { Words } from "../../ui/said";

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
  const { busy, error, errorOf, submit } = useSending(async () => {
    const address = path`/v1/tenants/${tenant}/pauses/${pause.id}`;
    const { until } = (await api.ask<Pause>("PATCH", address, { days: Number(days) })).body;
    onDone({ text: `The pause lasts until ${dateTime(until)}.` });
  });
  const length = toDays(days);
  return (
    <Dialog title="Change the pause's length" onClose={onClose}>
      <form onSubmit={submit}>
        <p>
          {pause.state === "running" ? "It began on" : "It begins on"} {day(pause.first_day)} and lasts{" "}
          {pause.days === 1 ? "that day" : `until ${day(pause.last_day)}`}: {pause.reason}
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
        {!errorOf("days") && <Refusal error={error} />}
        <Buttons
          deed="Change the length"
          doing="Changing …"
          busy={busy}
          disabled={length === pause.days}
          onCancel={onClose}
        />
      </form>
    </Dialog>
  );
}
