/** Asks before a webhook is deleted. */

import { plural } from "../../domain/words";
import type { Webhook } from "../../lib/api";
import { useSession } from "../../lib/auth";
import { path } from "../../lib/http";
import { Dialog } from "../../ui/dialog";
import { Buttons, useSending } from "../../ui/form";
import { visible } from "../../ui/hostile";
import { Refusal } from "../../ui/notice";
import type { Words } from "../../ui/said";

interface Props {
  tenant: string;
  webhook: Webhook;
  onClose: () => void;
  onDone: (words: Words) => void;
}

export function DeleteWebhook({ tenant, webhook, onClose, onDone }: Props) {
  const { api } = useSession();
  const { id, pending } = webhook;
  const url = visible(webhook.url);
  const { busy, error, submit } = useSending(async () => {
    await api.ask("DELETE", path`/v1/tenants/${tenant}/webhooks/${id}`);
    onDone({ text: `Nothing is posted to ${url} any more.`, focus: true });
  });
  return (
    <Dialog title="Delete the webhook?" onClose={onClose}>
      <form onSubmit={submit}>
        <p>
          Nothing is posted to <b class="webhook-url">{url}</b> any more, and its secret is forgotten.
          {pending > 0 &&
            ` ${plural(pending, "notification that waits", "notifications that wait")} for it will not be delivered.`}{" "}
          The notifications themselves stay in the list.
        </p>
        <Refusal error={error} />
        <Buttons deed="Delete it" doing="Deleting …" busy={busy} danger cancel="Keep it" onCancel={onClose} />
      </form>
    </Dialog>
  );
}
