/** Adds a webhook, and shows its secret the only time that it is shown. */
import { useState } from "preact/hooks";
import { path } from "../api/client";
import type { CreatedWebhook } from "../api/types";
import { useSession } from "../session";
import { Copy } from "../ui/copy";
import { Dialog } from "../ui/dialog";
import { Field, useSending } from "../ui/form";
import { Refusal } from "../ui/notice";
import type { Words } from "../ui/said";

interface Props {
  tenant: string;
  onClose: () => void;
  onDone: (words: Words) => void;
}

const MAX_URL = 500;

export function AddWebhook(props: Props) {
  const [made, setMade] = useState<CreatedWebhook | undefined>();
  return made ? <Made made={made} onDone={props.onDone} /> : <AddForm {...props} onMade={setMade} />;
}

function AddForm({ tenant, onClose, onMade }: Props & { onMade: (made: CreatedWebhook) => void }) {
  const { api } = useSession();
  const [url, setUrl] = useState("");
  const { busy, error, errorOf, submit } = useSending(async () => {
    const body = { url: url.trim() };
    onMade((await api.ask<CreatedWebhook>("POST", path`/v1/tenants/${tenant}/webhooks`, body)).body);
  });
  return (
    <Dialog title="Add a webhook" onClose={onClose}>
      <form onSubmit={submit}>
        <p>What is told from now on is posted to this address. What was told before is not.</p>
        <Field
          label="Address"
          hint="It begins with https:// and can be reached from the public Internet."
          error={errorOf("url")}
        >
          {(input) => (
            <input
              {...input}
              type="url"
              required
              maxLength={MAX_URL}
              pattern="https://.+"
              title="An address that begins with https://"
              placeholder="https://hooks.example.com/tidegate"
              autocomplete="off"
              spellcheck={false}
              value={url}
              onInput={(event) => setUrl(event.currentTarget.value)}
            />
          )}
        </Field>
        {!errorOf("url") && <Refusal error={error} />}
        <p class="actions">
          <button type="submit" class="primary" disabled={busy}>
            {busy ? "Adding …" : "Add the webhook"}
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </p>
      </form>
    </Dialog>
  );
}

function Made({ made, onDone }: { made: CreatedWebhook; onDone: Props["onDone"] }) {
  const done = () => onDone({ text: `Notifications are posted to ${made.url} from now on.` });
  return (
    <Dialog title="The webhook's secret" onClose={done}>
      <p>
        <strong>It is shown this once.</strong> Copy it now, and give it to the receiver: it tells by it that
        a delivery comes from Tidegate.
      </p>
      <Copy label="Secret" text={made.secret} />
      <p class="actions">
        <button type="button" onClick={done}>
          I have copied it
        </button>
      </p>
    </Dialog>
  );
}
