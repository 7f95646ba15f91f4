/** Adds a webhook, whose secret is shown once, and deletes one. */
import { useState } from "preact/hooks";
import { plural } from "../../domain/words";
import type { CreatedWebhook, Webhook } from "../../lib/api";
import { useSession } from "../../lib/auth";
import { value } from "../../lib/http";
import { ConfirmDialog, FormDialog, SecretDialog } from "../../ui/dialog";
import { TextField } from "../../ui/form";
import { visible } from "../../ui/hostile";
import type { Words } from "../../ui/status";

interface Props {
  tenant: string;
  onClose: () => void;
  onDone: (words: Words) => void;
}

const MAX_URL = 500;

export function AddWebhook({ tenant, onClose, onDone }: Props) {
  const { api } = useSession();
  const [url, setUrl] = useState("");
  const [made, setMade] = useState<CreatedWebhook | undefined>();
  if (made) {
    const done = () => onDone({ text: `Notifications are posted to ${visible(made.url)} from now on.` });
    return (
      <SecretDialog title="The webhook's secret" label="Secret" text={made.secret} onDone={done}>
        Copy it now, and give it to the receiver: it tells by it that a delivery comes from Tidegate.
      </SecretDialog>
    );
  }
  const send = async () => {
    const body = { url: url.trim() };
    setMade(await value(api.POST("/v1/tenants/{tenant}/webhooks", { params: { path: { tenant } }, body })));
  };
  return (
    <FormDialog title="Add a webhook" deed="Add the webhook" doing="Adding …" send={send} onClose={onClose}>
      {(errorOf) => (
        <>
          <p>What is told from now on is posted to this address. What was told before is not.</p>
          <TextField
            label="Address"
            hint="It begins with https:// and can be reached from the public Internet."
            error={errorOf("url")}
            type="url"
            required
            maxLength={MAX_URL}
            pattern="https://.+"
            title="An address that begins with https://"
            placeholder="https://hooks.example.com/tidegate"
            value={url}
            onType={setUrl}
          />
        </>
      )}
    </FormDialog>
  );
}

export function DeleteWebhook({ tenant, webhook, onClose, onDone }: Props & { webhook: Webhook }) {
  const { api } = useSession();
  const { id, pending } = webhook;
  const url = visible(webhook.url);
  const send = async () => {
    const params = { path: { tenant, webhook: id } };
    await api.DELETE("/v1/tenants/{tenant}/webhooks/{webhook}", { params });
    onDone({ text: `Nothing is posted to ${url} any more.`, focus: true });
  };
  return (
    <ConfirmDialog
      title="Delete the webhook?"
      deed="Delete it"
      doing="Deleting …"
      send={send}
      onClose={onClose}
    >
      <p>
        Nothing is posted to <b class="webhook-url">{url}</b> any more, and its secret is forgotten.
        {pending > 0 &&
          ` ${plural(pending, "notification that waits", "notifications that wait")} for it will not be delivered.`}{" "}
        The notifications themselves stay in the list.
      </p>
    </ConfirmDialog>
  );
}
