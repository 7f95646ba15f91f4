/** What is checked: pasted text, a file, or an example. */
import { useEffect, useRef, useState } from "preact/hooks";
import { Field } from "../../ui/form";

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

interface DropProps {
  onFile: (file: File) => void;
  /** Something was dropped that is not one file */
  onOther: (advice: string) => void;
}

export function DropTarget({ onFile, onOther }: DropProps) {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const abort = new AbortController();
    const on = (type: "dragenter" | "dragover" | "dragleave" | "drop", act: (event: DragEvent) => void) =>
      addEventListener(type, act, { signal: abort.signal });
    const follow = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      setOver(true);
    };
    on("dragenter", follow);
    on("dragover", follow);
    on("dragleave", (event) => {
      // between two elements of the page there is another one to go to
      if (event.relatedTarget === null) setOver(false);
    });
    on("drop", (event) => {
      setOver(false);
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      const [item, ...more] = [...event.dataTransfer.items].filter(({ kind }) => kind === "file");
      const file = item?.getAsFile();
      if (more.length > 0) onOther("Drop one file at a time.");
      else if (!file || item?.webkitGetAsEntry()?.isDirectory)
        onOther("That is a folder: drop a file of it.");
      else onFile(file);
    });
    return () => abort.abort();
  }, [onFile, onOther]);
  if (!over) return null;
  return (
    <div class="drop-target">
      <p>Drop the file to check it. It stays on this computer.</p>
    </div>
  );
}

export const EXAMPLE = `Received: from chn-vm-ex03.mchp-main.com (10.10.87.152) by
 chn-vm-ex4.mchp-main.com (10.10.87.33) with Microsoft SMTP Server
 (version=TLS1_2, cipher=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256) id
 15.2.2562.35; Wed, 25 Feb 2026 01:55:39 -0700
Received: from che-lt-i67131.microchip.com (10.10.85.11) by
 chn-vm-ex03.mchp-main.com (10.10.85.151) with Microsoft SMTP Server id
 15.1.2507.58 via Frontend Transport; Wed, 25 Feb 2026 01:55:30 -0700
`;
