/** Pauses a tenant's enforcement, now or from a day on. */
import { useState } from "preact/hooks";
import { usePauses } from "../domain/pause-book";
import { MAX_DAYS, type PauseBook } from "../domain/pauses";
import type { Pause } from "../lib/api";
import { useSession } from "../lib/auth";
import { path } from "../lib/http";
import { addDays, dateOf, dateTime, day, useNow } from "../lib/time";
import { Dialog } from "./dialog";
import { Buttons, Choices, Field, useSending } from "./form";
import { Failure, Loading, Refusal } from "./notice";
import { DaysField, ReasonField, toDays } from "./pause-fields";
import { PausePlan } from "./pause-plan";
import type { Words } from "./said";
import { Time } from "./time";

interface Props {
  tenant: string;
  onClose: () => void;
  /** With what was done, to be said where the dialog stood */
  onDone: (words: Words) => void;
}

export function PauseDialog(props: Props) {
  const { value, error, reload } = usePauses(props.tenant);
  return (
    <Dialog title="Pause enforcement" onClose={props.onClose}>
      {value ? (
        <PauseForm {...props} book={value} />
      ) : error === undefined ? (
        <Loading what="the budget" />
      ) : (
        <Failure error={error} retry={reload} />
      )}
    </Dialog>
  );
}

function PauseForm({ tenant, book, onClose, onDone }: Props & { book: PauseBook }) {
  const { api } = useSession();
  const today = dateOf(useNow());
  const running = book.pauses.find(({ state }) => state === "running");
  const [starts, setStarts] = useState<"now" | "later">(running ? "later" : "now");
  const [firstDay, setFirstDay] = useState(() => addDays(running?.last_day ?? today, 1));
  const [days, setDays] = useState("7");
  const [reason, setReason] = useState("");
  const { busy, error, errorOf, submit } = useSending(async () => {
    const body = {
      days: Number(days),
      reason: reason.trim(),
      ...(starts === "later" && { starts_on: firstDay }),
    };
    const { state, first_day, until } = (
      await api.ask<Pause>("POST", path`/v1/tenants/${tenant}/pauses`, body)
    ).body;
    onDone({
      text:
        state === "running"
          ? `Enforcement is paused until ${dateTime(until)}.`
          : `Enforcement will be paused from ${day(first_day)} until ${dateTime(until)}.`,
    });
  });
  const length = toDays(days);
  const first = starts === "now" ? today : firstDay;
  const known = ["days", "starts_on", "reason"].some((field) => errorOf(field));
  return (
    <form onSubmit={submit}>
      <p>
        While it lasts all mail is accepted and no clock runs. Afterwards each server goes on where it stood.
      </p>
      {running && (
        <p class="restraint">
          Enforcement is paused already, until <Time at={running.until} />. To go on from there, change that
          pause's length; another pause begins after it.
        </p>
      )}
      <DaysField label="Days" days={days} onChange={setDays} error={errorOf("days")} />
      <Choices
        legend="Starts"
        choices={STARTS}
        value={starts}
        onChoose={setStarts}
        error={starts === "now" ? errorOf("starts_on") : undefined}
      />
      {starts === "later" && (
        <Field label="First day" hint="From 00:00 UTC on." error={errorOf("starts_on")}>
          {(input) => (
            <input
              {...input}
              type="date"
              required
              min={today}
              max={addDays(today, MAX_DAYS)}
              value={firstDay}
              onInput={(event) => setFirstDay(event.currentTarget.value)}
            />
          )}
        </Field>
      )}
      <ReasonField
        hint="It stands in the list of pauses and in the audit trail."
        reason={reason}
        onChange={setReason}
        error={errorOf("reason")}
      />
      <PausePlan
        book={book}
        span={length !== null && first !== "" ? { first, days: length } : null}
        begins={starts === "now" || first === today ? null : `${first}T00:00:00Z`}
      />
      {!known && <Refusal error={error} />}
      <Buttons
        deed={starts === "now" ? "Pause now" : "Plan the pause"}
        doing="Pausing …"
        busy={busy}
        onCancel={onClose}
      />
    </form>
  );
}

const STARTS = [
  { value: "now", name: "Now", meaning: "Today counts as its first day." },
  { value: "later", name: "On a day to come" },
] as const;
