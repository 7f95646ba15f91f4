/** What mail servers are told when their mail is deferred or rejected. */
import { useRef } from "preact/hooks";
import { Field, TextField } from "../../ui/form";
import type { Editing } from "./edit";
import { MAX_TEXT, PLACEHOLDERS, sampleReply } from "./sample";

export function ReplyFields({ draft, set, errorAt }: Editing) {
  return (
    <>
      <p class="muted">
        The administrator of the sending server reads them in its queue and its bounces. They are plain ASCII.
      </p>
      <TextField
        label="Operator"
        hint="How replies name you."
        error={errorAt("operator")}
        prose
        required
        maxLength={100}
        value={draft.operator}
        onType={(text) => set({ operator: text })}
      />
      <TextField
        label="Address for help"
        hint="Where an administrator finds more; without one the sentence that names it is left out."
        error={errorAt("help_url")}
        type="url"
        maxLength={200}
        pattern="https?://.+"
        title="An address that begins with https:// or http://"
        placeholder="https://help.example.net/exchange"
        value={draft.helpUrl}
        onType={(text) => set({ helpUrl: text })}
      />
      <Template
        label="When mail is deferred"
        template={draft.throttle}
        onChange={(throttle) => set({ throttle })}
        error={errorAt("reply.throttle")}
        sample={sampleReply(draft, "defer")}
      />
      <Template
        label="When mail is rejected"
        template={draft.block}
        onChange={(block) => set({ block })}
        error={errorAt("reply.block")}
        sample={sampleReply(draft, "reject")}
      />
    </>
  );
}

interface TemplateProps {
  label: string;
  template: string;
  onChange: (template: string) => void;
  error: string | undefined;
  sample: string;
}

function Template({ label, template, onChange, error, sample }: TemplateProps) {
  const area = useRef<HTMLTextAreaElement>(null);
  const insert = (name: string) => {
    const element = area.current;
    if (!element) return;
    element.focus();
    element.setRangeText(`{${name}}`, element.selectionStart, element.selectionEnd, "end");
    onChange(element.value);
  };
  return (
    <div class="template">
      <Field label={label} hint={`${template.length} of ${MAX_TEXT} characters`} error={error}>
        {(input) => (
          <textarea
            {...input}
            ref={area}
            class="code"
            rows={3}
            required
            maxLength={MAX_TEXT}
            spellcheck={false}
            value={template}
            onInput={(event) => onChange(event.currentTarget.value)}
          />
        )}
      </Field>
      <fieldset class="placeholders">
        <legend class="muted">Placeholders, to be put where the cursor is</legend>
        {PLACEHOLDERS.map((name) => (
          <button
            key={name}
            type="button"
            aria-label={`Insert {${name}}, ${MEANINGS[name]}`}
            title={MEANINGS[name]}
            onClick={() => insert(name)}
          >
            <code>{`{${name}}`}</code>
          </button>
        ))}
      </fieldset>
      <p class="muted sample-label">So a server in such a stage reads it:</p>
      <p class="sample">
        <code>{sample}</code>
      </p>
    </div>
  );
}

const MEANINGS: Record<(typeof PLACEHOLDERS)[number], string> = {
  operator: "how you are named",
  help_url: "the address for help",
  n: "the minutes of every hour",
  server: "the server's name",
  build: "its build",
  required: "the build that is required, or “a supported version”",
  stage: "the number of its stage",
  next_change: "when the next stage begins",
  retry_after: "seconds until mail is accepted again",
};
