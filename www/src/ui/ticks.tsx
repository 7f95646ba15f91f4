/** Any of a few, each with its meaning. */
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { Tick } from "./form";

interface Props<Value extends string> {
  legend: string;
  hint?: ComponentChildren;
  choices: readonly { value: Value; name: string; hint?: ComponentChildren }[];
  chosen: readonly Value[];
  /** With those chosen in the order of `choices` */
  onChange: (chosen: Value[]) => void;
  error?: string | undefined;
}

export function Ticks<Value extends string>({
  legend,
  hint,
  choices,
  chosen,
  onChange,
  error,
}: Props<Value>) {
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
      {choices.map(({ value, name, hint: meaning }) => (
        <Tick
          key={value}
          label={name}
          hint={meaning}
          checked={chosen.includes(value)}
          onChange={(on) => toggle(value, on)}
        />
      ))}
      {error && (
        <p class="refusal" role="alert">
          {error}
        </p>
      )}
    </fieldset>
  );
}
