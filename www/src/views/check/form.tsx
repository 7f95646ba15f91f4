/** What is checked: pasted text, a file, or an example. */
import { useRef, useState } from "preact/hooks";
import { Field } from "../../ui/form";
import { EXAMPLE } from "./example";

/** Longer text is checked without being shown: a text box makes the browser slow. Octets, about */
const MAX_SHOWN = 1 << 20;

interface Props {
  onInput: (input: File | string) => void;
  refusal: string | undefined;
}

export function InputForm({ onInput, refusal }: Props) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<string | undefined>();
  const picker = useRef<HTMLInputElement>(null);
  const give = (input: File | string) => {
    setProblem(undefined);
    onInput(input);
  };
  const submit = (event: Event) => {
    event.preventDefault();
    if (text.trim() === "") setProblem("Paste the header of a message, or choose a file.");
    else give(text);
  };
  const paste = (event: ClipboardEvent) => {
    const [file] = event.clipboardData?.files ?? [];
    const pasted = event.clipboardData?.getData("text") ?? "";
    if (file || pasted.length > MAX_SHOWN) {
      event.preventDefault();
      setText("");
      give(file ?? pasted);
      return;
    }
    // once the browser has put it in
    const box = event.currentTarget as HTMLTextAreaElement;
    setTimeout(() => box.value.trim() !== "" && give(box.value));
  };
  const pick = (input: HTMLInputElement) => {
    const [file] = input.files ?? [];
    // so that the same file can be chosen again
    input.value = "";
    if (file) give(file);
  };
  const tryExample = () => {
    setText(EXAMPLE);
    give(EXAMPLE);
  };
  return (
    <form class="check-form" onSubmit={submit}>
      <Field
        label="Header of a message"
        hint="Paste it here, the whole message if you like. Or drop a file anywhere on this page: a message (.eml, .msg), text, or a mailbox (.mbox), compressed if you like (.gz, .zip). One of many gigabytes is read as well and takes longer."
        error={refusal ?? problem}
      >
        {(input) => (
          <textarea
            {...input}
            rows={7}
            spellcheck={false}
            autocomplete="off"
            placeholder="Received: from …"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
            onPaste={paste}
          />
        )}
      </Field>
      <p class="actions">
        <button type="submit" class="primary">
          Check
        </button>
        <button type="button" onClick={() => picker.current?.click()}>
          Choose a file …
        </button>
        <button type="button" class="quiet" onClick={tryExample}>
          Try it with an example
        </button>
        <input
          ref={picker}
          type="file"
          hidden
          aria-label="File to check"
          onChange={(event) => pick(event.currentTarget)}
        />
      </p>
    </form>
  );
}
