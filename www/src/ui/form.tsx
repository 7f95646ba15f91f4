/** Parts of forms: a labelled field with its hint and error, and the sending of a form. */
import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";
import { ApiError } from "../api/client";

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

interface Sending {
  busy: boolean;
  error: unknown;
  /** The API's word on one member of the form */
  errorOf: (field: string) => string | undefined;
  submit: (event?: Event) => void;
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
  return { busy, error, errorOf, submit };
}
