/** Parts of forms: a labelled field with its hint and error, and the sending of a form. */
import type { ComponentChildren, InputHTMLAttributes } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import { ApiError } from "../lib/http";
import { Refusal } from "./notice";

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
      <Wrong id={`${id}-error`} text={error} />
    </div>
  );
}

/** What is wrong, if anything is. */
export function Wrong({ text, id }: { text: string | undefined; id?: string }) {
  if (!text) return null;
  return (
    <p id={id} class="refusal" role="alert">
      {text}
    </p>
  );
}

interface ExactProps extends Partial<InputProps> {
  value: string | number;
  onType: (text: string) => void;
  type?: "search" | "url" | "password" | "number" | "date" | "datetime-local";
  "aria-label"?: string;
  class?: string;
  list?: string;
  max?: string | number;
  maxLength?: number;
  min?: string;
  pattern?: string;
  placeholder?: string;
  required?: boolean;
  title?: string;
}

/** An input for what is no prose: names, addresses, ids. The browser completes, corrects and capitalises nothing. */
export function ExactInput({ onType, ...attributes }: ExactProps) {
  return (
    <input
      autocomplete="off"
      autocapitalize="none"
      spellcheck={false}
      onInput={(event) => onType(event.currentTarget.value)}
      // Preact has types for a literal `type` alone
      {...(attributes as InputHTMLAttributes<HTMLInputElement>)}
    />
  );
}

type TextProps = Omit<FieldProps, "children"> & ExactProps & { prose?: boolean };

/** A field that is typed into; `prose` is corrected and capitalised as the reader's browser does. */
export function TextField({ label, hint, error, prose, onType, ...attributes }: TextProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(input) =>
        prose ? (
          <input
            {...input}
            {...(attributes as InputHTMLAttributes<HTMLInputElement>)}
            autocomplete="off"
            onInput={(event) => onType(event.currentTarget.value)}
          />
        ) : (
          <ExactInput {...input} {...attributes} onType={onType} />
        )
      }
    </Field>
  );
}

type SelectProps = Omit<FieldProps, "children"> & {
  value: string;
  options: readonly { value: string; name: string }[];
  onChoose: (value: string) => void;
};

export function SelectField({ label, hint, error, value, options, onChoose }: SelectProps) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(input) => (
        <select {...input} value={value} onChange={(event) => onChoose(event.currentTarget.value)}>
          {options.map((option) => (
            <option key={option.value} value={option.value}>
              {option.name}
            </option>
          ))}
        </select>
      )}
    </Field>
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
      <Wrong id={`${id}-error`} text={error} />
    </fieldset>
  );
}

interface ManyProps<Value extends string> {
  legend: string;
  hint?: ComponentChildren;
  choices: readonly Choice<Value>[];
  chosen: readonly Value[];
  /** With those chosen in the order of `choices` */
  onChange: (chosen: Value[]) => void;
  error?: string | undefined;
}

/** Any of a few, each with its meaning. */
export function CheckboxGroup<Value extends string>(props: ManyProps<Value>) {
  const { legend, hint, choices, chosen, onChange, error } = props;
  const id = useId();
  const toggle = (value: Value, on: boolean) =>
    onChange(
      choices.map((choice) => choice.value).filter((each) => (each === value ? on : chosen.includes(each))),
    );
  return (
    <fieldset class="choices" aria-describedby={hint ? id : undefined}>
      <legend>{legend}</legend>
      {hint && (
        <p id={id} class="hint">
          {hint}
        </p>
      )}
      {choices.map(({ value, name, meaning }) => (
        <Checkbox
          key={value}
          label={name}
          hint={meaning}
          checked={chosen.includes(value)}
          onChange={(on) => toggle(value, on)}
        />
      ))}
      <Wrong text={error} />
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
export function Checkbox({ label, hint, checked, onChange }: TickProps) {
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

/** The API's word on one member of a form. */
export type ErrorOf = (member: string) => string | undefined;

interface Sending {
  busy: boolean;
  error: unknown;
  errorOf: ErrorOf;
  /** Whether a field has asked for what there is to say */
  isPlaced: () => boolean;
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
  const placed = useRef(false);
  placed.current = false;
  const errorOf = (member: string) => {
    const word = wordOn(error, member);
    placed.current ||= word !== undefined;
    return word;
  };
  return { busy, error, errorOf, isPlaced: () => placed.current, submit };
}

/** What no field has asked for: stands behind them all. */
export function Unplaced({ of: { error, isPlaced } }: { of: Sending }) {
  return isPlaced() ? null : <Refusal error={error} />;
}

/** The API's word on `member`, or on a part of it. */
function wordOn(error: unknown, member: string): string | undefined {
  if (!(error instanceof ApiError) || error.field === null) return undefined;
  const { field } = error;
  const concerns = field === member || field.startsWith(`${member}.`) || field.startsWith(`${member}[`);
  return concerns ? error.message : undefined;
}
