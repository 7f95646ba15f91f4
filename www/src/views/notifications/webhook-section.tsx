/** Where the tenant's notifications are posted to. */
import type { RefObject } from "preact";
import { actor } from "../../domain/audit";
import { plural } from "../../domain/words";
import type { Webhook } from "../../lib/api";
import { rights, useSession } from "../../lib/auth";
import type { Resource } from "../../lib/resource";
import { Await } from "../../ui/await";
import { visible } from "../../ui/hostile";
import { StatusLine, useDialogs } from "../../ui/status";
import { Time } from "../../ui/time";
import { AddWebhook, DeleteWebhook } from "./webhook-dialogs";
import { Verifying } from "./webhook-verify";

interface Props {
  tenant: string;
  webhooks: Resource<Webhook[]>;
  section: RefObject<HTMLElement | null>;
}

type Open = { dialog: "add" } | { dialog: "delete"; webhook: Webhook };

/** Of one tenant. */
const MAX_WEBHOOKS = 8;

export function Webhooks({ tenant, webhooks, section }: Props) {
  const { me } = useSession();
  const { open, setOpen, words, close, done } = useDialogs<Open>(webhooks.reload);
  const may = rights(me).operate;
  const dialog = { tenant, onClose: close, onDone: done };
  return (
    <section ref={section} tabIndex={-1} aria-labelledby="webhooks">
      <h2 id="webhooks">Webhooks</h2>
      <p class="muted">
        Notifications are posted there too, in order, each until it is taken or refused for good: a receiver
        that is down loses none.
      </p>
      <StatusLine words={words} />
      <Await of={webhooks} what="webhooks">
        {(list) => (
          <>
            {list.length === 0 && <p>There is none.</p>}
            <ul class="plain webhooks">
              {list.map((webhook) => (
                <li key={webhook.id}>
                  <p class="webhook-url">{visible(webhook.url)}</p>
                  <p>
                    <State webhook={webhook} />
                  </p>
                  <p class="muted">
                    Added <Time at={webhook.created_at} short="date" />, {actor(webhook.created_by)}
                    {may && (
                      <button
                        type="button"
                        class="quiet"
                        aria-label={`Delete ${visible(webhook.url)}`}
                        onClick={() => setOpen({ dialog: "delete", webhook })}
                      >
                        Delete
                      </button>
                    )}
                  </p>
                </li>
              ))}
            </ul>
            {may && list.length < MAX_WEBHOOKS && (
              <p class="actions">
                <button type="button" onClick={() => setOpen({ dialog: "add" })}>
                  Add a webhook
                </button>
              </p>
            )}
            {may && list.length >= MAX_WEBHOOKS && (
              <p class="muted">These are as many as a tenant may have.</p>
            )}
          </>
        )}
      </Await>
      <Verifying />
      {open?.dialog === "add" && <AddWebhook {...dialog} />}
      {open?.dialog === "delete" && <DeleteWebhook {...dialog} webhook={open.webhook} />}
    </section>
  );
}

function State({ webhook }: { webhook: Webhook }) {
  const { refused, last_refusal } = webhook;
  return (
    <>
      <Delivery webhook={webhook} />
      {last_refusal && (
        <>
          {" "}
          {plural(refused, "notification was", "notifications were")} refused for good, the last one with
          status {last_refusal.status}, <Time at={last_refusal.at} />.
        </>
      )}
    </>
  );
}

function Delivery({ webhook: { pending, failing_since, last_error, off_since } }: { webhook: Webhook }) {
  if (off_since !== null) {
    return (
      <>
        <strong class="refusal">Off</strong> since <Time at={off_since} countdown="beside" />: its receiver
        answered that it is gone. Nothing more is posted there.
      </>
    );
  }
  if (failing_since === null) {
    return pending === 0 ? <>All is delivered.</> : <>{plural(pending, "notification")} on the way.</>;
  }
  return (
    <>
      <strong class="refusal">Failing</strong> since <Time at={failing_since} countdown="beside" />
      {last_error !== null && `: ${visible(last_error)}`}.{" "}
      {plural(pending, "notification waits", "notifications wait")}; each is tried again for as long as it
      takes.
    </>
  );
}
