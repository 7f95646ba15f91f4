/** Parts of forms: a labelled field with its hint and error, and the sending of a form. */
import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";
import { ApiError } from "../lib/http";

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  error?: string | undefined;
  /** Gets what an input needs to belong to the label, the hint and the error. */
  children: (input: InputProps) => ComponentChildren;
}

export interface InputProps {
  id: string;
  "aria-describedby"?: string;
  "aria-invalid"?: "true";
}

export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  const input: InputProps = { id };
  if (described) input["aria-describedby"] = described;
  if (error) input["aria-invalid"] = "true";
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(input)}
      {hint && (
        <p id={`${id}-hint`} class="hint">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} class="refusal" role="alert">
          {error}
        </p>
      )}
    </div>
  );
}

interface ButtonsProps {
  /** What is done, and how it is said meanwhile */
  deed: string;
  doing?: string;
  busy?: boolean;
  disabled?: boolean;
  danger?: boolean;
  cancel?: string;
  onCancel: () => void;
}

/** What a dialog's form ends with: the deed, and the way out of it. */
export function Buttons({
  deed,
  doing = deed,
  busy = false,
  disabled,
  danger,
  cancel,
  onCancel,
}: ButtonsProps) {
  return (
    <p class="actions">
      <button type="submit" class={danger ? "danger" : "primary"} disabled={busy || disabled}>
        {busy ? doing : deed}
      </button>
      <button type="button" onClick={onCancel}>
        {cancel ?? "Cancel"}
      </button>
    </p>
  );
}

export interface Choice<Value extends string> {
  value: Value;
  name: string;
  meaning?: ComponentChildren;
}

interface ChoicesProps<Value extends string> {
  legend: string;
  choices: readonly Choice<Value>[];
  value: Value | undefined;
  onChoose: (value: Value) => void;
  error?: string | undefined;
}

/** One of a few, each with its meaning. */
export function Choices<Value extends string>({
  legend,
  choices,
  value: chosen,
  onChoose,
  error,
}: ChoicesProps<Value>) {
  const id = useId();
  return (
    <fieldset class="choices" aria-describedby={error && `${id}-error`}>
      <legend>{legend}</legend>
      {choices.map(({ value, name, meaning }) => (
        <div key={value} class="choice">
          <input
            type="radio"
            id={`${id}-${value}`}
            name={id}
            value={value}
            required
            checked={value === chosen}
            onChange={() => onChoose(value)}
            aria-describedby={meaning ? `${id}-${value}-meaning` : undefined}
          />
          <label for={`${id}-${value}`}>{name}</label>
          {meaning && (
            <p id={`${id}-${value}-meaning`} class="hint">
              {meaning}
            </p>
          )}
        </div>
      ))}
      {error && (
        <p id={`${id}-error`} class="refusal" role="alert">
          {error}
        </p>
      )}
    </fieldset>
  );
}

interface TickProps {
  label: string;
  hint?: ComponentChildren;
  checked: boolean;
  onChange: (checked: boolean) => void;
}

/** Yes or no. */
export function Tick({ label, hint, checked, onChange }: TickProps) {
  const id = useId();
  return (
    <div class="choice">
      <input
        type="checkbox"
        id={id}
        checked={checked}
        onChange={(event) => onChange(event.currentTarget.checked)}
        aria-describedby={hint ? `${id}-hint` : undefined}
      />
      <label for={id}>{label}</label>
      {hint && (
        <p id={`${id}-hint`} class="hint">
          {hint}
        </p>
      )}
    </div>
  );
}

interface Sending {
  busy: boolean;
  error: unknown;
  /** The API's word on one member of the form */
  errorOf: (field: string) => string | undefined;
  submit: (event?: Event) => void;
  /** Does nothing while it is being sent: for what must not be missed, as an answer that is shown once */
  unlessBusy: (act: () => void) => () => void;
}

/** Sends once at a time; what the API refuses stays with the form. */
export function useSending(send: () => Promise<void>): Sending {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const submit = (event?: Event) => {
    event?.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(undefined);
    send().then(
      () => setBusy(false),
      (failed) => {
        setError(failed);
        setBusy(false);
      },
    );
  };
  const errorOf = (field: string) =>
    error instanceof ApiError &&
    error.field !== null &&
    (error.field === field || error.field.startsWith(`${field}[`))
      ? error.message
      : undefined;
  const unlessBusy = (act: () => void) => () => {
    if (!busy) act();
  };
  return { busy, error, errorOf, submit, unlessBusy };
}
