/** Fields that dialogs about pauses and exemptions share. */
import type { ComponentChildren } from "preact";
import { MAX_DAYS } from "../domain/pauses";
import { Field } from "./form";

interface DaysProps {
  label: string;
  days: string;
  hint?: string;
  onChange: (days: string) => void;
  error: string | undefined;
}

export function DaysField({ label, days, hint, onChange, error }: DaysProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(input) => (
        <input
          {...input}
          class="short"
          type="number"
          inputMode="numeric"
          required
          min="1"
          max={MAX_DAYS}
          step="1"
          value={days}
          onInput={(event) => onChange(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

/** The number that is typed, if it is one of days. */
export function toDays(text: string): number | null {
  const days = Number(text);
  return text.trim() !== "" && Number.isInteger(days) && days >= 1 && days <= MAX_DAYS ? days : null;
}

const MAX_REASON = 500;

interface ReasonProps {
  reason: string;
  hint?: ComponentChildren;
  onChange: (reason: string) => void;
  error: string | undefined;
}

export function ReasonField({ reason, hint, onChange, error }: ReasonProps) {
  return (
    <Field label="Reason" hint={hint} error={error}>
      {(input) => (
        <input
          {...input}
          required
          maxLength={MAX_REASON}
          autocomplete="off"
          value={reason}
          onInput={(event) => onChange(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}
