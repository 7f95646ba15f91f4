/** Adds a webhook, and shows its secret the only time that it is shown. */
import { useState } from "preact/hooks";
import type { CreatedWebhook } from "../../lib/api";
import { useSession } from "../../lib/auth";
import { path } from "../../lib/http";
import { Dialog } from "../../ui/dialog";
import { ExactInput } from "../../ui/exact-input";
import { Buttons, Field, useSending } from "../../ui/form";
import { Refusal } from "../../ui/notice";
import type { Words } from "../../ui/said";
import { ShownOnce } from "../../ui/shown-once";

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
  const { busy, error, errorOf, submit, unlessBusy } = useSending(async () => {
    const body = { url: url.trim() };
    onMade((await api.ask<CreatedWebhook>("POST", path`/v1/tenants/${tenant}/webhooks`, body)).body);
  });
  const close = unlessBusy(onClose);
  return (
    <Dialog title="Add a webhook" onClose={close}>
      <form onSubmit={submit}>
        <p>What is told from now on is posted to this address. What was told before is not.</p>
        <Field
          label="Address"
          hint="It begins with https:// and can be reached from the public Internet."
          error={errorOf("url")}
        >
          {(input) => (
            <ExactInput
              {...input}
              type="url"
              required
              maxLength={MAX_URL}
              pattern="https://.+"
              title="An address that begins with https://"
              placeholder="https://hooks.example.com/tidegate"
              value={url}
              onType={setUrl}
            />
          )}
        </Field>
        {!errorOf("url") && <Refusal error={error} />}
        <Buttons deed="Add the webhook" doing="Adding …" busy={busy} onCancel={close} />
      </form>
    </Dialog>
  );
}

function Made({ made, onDone }: { made: CreatedWebhook; onDone: Props["onDone"] }) {
  const done = () => onDone({ text: `Notifications are posted to ${made.url} from now on.` });
  return (
    <ShownOnce title="The webhook's secret" label="Secret" text={made.secret} onDone={done}>
      Copy it now, and give it to the receiver: it tells by it that a delivery comes from Tidegate.
    </ShownOnce>
  );
}
