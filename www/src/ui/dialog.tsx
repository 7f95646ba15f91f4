/** Modal dialogs: the browser's own, with its focus trap and Escape. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Buttons, type ErrorOf, TextField, Unplaced, useSending } from "./form";
import { useLeaveGuard } from "./unsaved";

interface Props {
  title: string;
  /** Null: it cannot be closed now */
  onClose: (() => void) | null;
  children: ComponentChildren;
  wide?: boolean;
}

/** Open as long as it is rendered. */
export function Dialog({ title, onClose, children, wide }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={wide ? "dialog dialog-wide" : "dialog"}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        onClose?.();
      }}
      // browsers let Escape be prevented once only: the second closes it, whatever is rendered
      onClose={() => (onClose ? onClose() : dialog.current?.showModal())}
    >
      <header class="dialog-head">
        <h2 id={titleId}>{title}</h2>
        {onClose && (
          <button type="button" class="quiet" aria-label="Close" onClick={onClose}>
            ✕
          </button>
        )}
      </header>
      {children}
    </dialog>
  );
}

interface FormProps {
  title: string;
  /** What is done, and how it is said meanwhile */
  deed: string;
  doing?: string;
  danger?: boolean;
  disabled?: boolean;
  /** What else can be done */
  cancel?: string;
  wide?: boolean;
  send: () => Promise<void>;
  onClose: () => void;
  /** What the API says of a member stands at the field that asks for it; what nothing asks for, below. */
  children: ComponentChildren | ((errorOf: ErrorOf) => ComponentChildren);
}

/** Asks, sends, and stays open until the answer has come: nobody misses it, nor a secret that is shown once. */
export function FormDialog({ title, send, onClose, children, wide, ...buttons }: FormProps) {
  const sending = useSending(send);
  const { busy, errorOf, submit } = sending;
  return (
    <Dialog title={title} onClose={busy ? null : onClose} wide={wide}>
      <form onSubmit={submit}>
        {typeof children === "function" ? children(errorOf) : children}
        <Unplaced of={sending} />
        <Buttons {...buttons} busy={busy} onCancel={onClose} />
      </form>
    </Dialog>
  );
}

interface ConfirmProps extends Omit<FormProps, "children" | "danger" | "disabled"> {
  /** What follows */
  children: ComponentChildren;
  /** What has to be typed first */
  typed?: string;
}

/** Asks before something is ended or deleted. */
export function ConfirmDialog({ children, typed, cancel = "Keep it", ...dialog }: ConfirmProps) {
  const [text, setText] = useState("");
  return (
    <FormDialog {...dialog} danger cancel={cancel} disabled={typed !== undefined && text.trim() !== typed}>
      {children}
      {typed !== undefined && (
        <TextField label={`Type ${typed} to delete it`} required value={text} onType={setText} />
      )}
    </FormDialog>
  );
}

interface SecretProps {
  title: string;
  /** What the secret is called */
  label: string;
  text: string;
  onDone: () => void;
  /** What to do with it */
  children: ComponentChildren;
}

/** A secret in the one moment in which it is shown: only the button at its end closes it. */
export function SecretDialog({ title, label, text, onDone, children }: SecretProps) {
  const id = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  const [said, setSaid] = useState("");
  useLeaveGuard(() => setSaid("Copy it first: it cannot be shown again."));
  const copy = async () => {
    field.current?.select();
    try {
      await navigator.clipboard.writeText(text);
      setSaid("Copied.");
    } catch {
      // browsers keep the clipboard from pages without HTTPS
      setSaid("It is marked: copy it with Ctrl+C or ⌘C.");
    }
  };
  return (
    <Dialog title={title} onClose={null}>
      <p>
        <strong>It is shown this once.</strong> {children}
      </p>
      <div class="field">
        <label for={id}>{label}</label>
        <div class="copy">
          <textarea
            id={id}
            ref={field}
            class="code"
            rows={2}
            readOnly
            spellcheck={false}
            value={text}
            onFocus={() => field.current?.select()}
          />
          <button type="button" class="primary" onClick={copy}>
            Copy
          </button>
        </div>
        <p class="hint" role="status">
          {said}
        </p>
      </div>
      <p class="actions">
        <button type="button" onClick={onDone}>
          I have copied it
        </button>
      </p>
    </Dialog>
  );
}
