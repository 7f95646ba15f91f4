/** Fields that dialogs about pauses, exemptions and keys share. */
import type { ComponentChildren } from "preact";
import { addDays, dateOf, useNow } from "../lib/time";
import { TextField } from "./form";
import { Time } from "./text";

const MAX_REASON = 500;

interface ReasonProps {
  reason: string;
  hint?: ComponentChildren;
  onChange: (reason: string) => void;
  error: string | undefined;
}

export function ReasonField({ reason, hint, onChange, error }: ReasonProps) {
  return (
    <TextField
      label="Reason"
      hint={hint}
      error={error}
      prose
      required
      maxLength={MAX_REASON}
      value={reason}
      onType={onChange}
    />
  );
}

interface DayProps {
  label: string;
  hint: ComponentChildren;
  day: string;
  /** How many days from today it may be at most */
  ahead: number;
  required?: boolean;
  onChange: (day: string) => void;
  error: string | undefined;
}

/** A UTC day from today on. */
export function DayField({ label, hint, day, ahead, required, onChange, error }: DayProps) {
  const today = dateOf(useNow());
  return (
    <TextField
      label={label}
      hint={hint}
      error={error}
      type="date"
      required={required}
      min={today}
      max={addDays(today, ahead)}
      value={day}
      onType={onChange}
    />
  );
}

/** The end of a day, UTC; null where there is none. */
export function endOfDay(day: string): string | null {
  return day === "" ? null : `${addDays(day, 1)}T00:00:00Z`;
}

/** The same in words, or what stands where there is none. */
export function UntilHint({ day, words, none }: { day: string; words: string; none: string }) {
  const until = endOfDay(day);
  if (until === null) return <>{none}</>;
  return (
    <>
      {words} <Time at={until} countdown="beside" />.
    </>
  );
}
