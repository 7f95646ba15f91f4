/** An input for what is no prose: names, addresses, ids. The browser completes, corrects and capitalises nothing. */
import type { InputHTMLAttributes } from "preact";
import type { InputProps } from "./form";

interface Props extends Partial<InputProps> {
  value: string;
  onType: (text: string) => void;
  type?: "search" | "url" | "password";
  "aria-label"?: string;
  class?: string;
  list?: string;
  maxLength?: number;
  pattern?: string;
  placeholder?: string;
  required?: boolean;
  title?: string;
}

export function ExactInput({ onType, ...attributes }: Props) {
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
