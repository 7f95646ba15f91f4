/** Where the tenant's notifications are posted to: a list, the adding and deleting, and how a receiver verifies. */
import type { RefObject } from "preact";
import { useState } from "preact/hooks";
import { actor } from "../../domain/audit";
import { plural } from "../../domain/words";
import type { CreatedWebhook, Webhook } from "../../lib/api";
import { rights, useSession } from "../../lib/auth";
import { value } from "../../lib/http";
import type { Resource } from "../../lib/resource";
import { Await } from "../../ui/await";
import { ConfirmDialog, FormDialog, SecretDialog } from "../../ui/dialog";
import { TextField } from "../../ui/form";
import { visible } from "../../ui/hostile";
import { StatusLine, useDialogs, type Words } from "../../ui/status";
import { Time } from "../../ui/text";

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

interface WebhookDialogsProps {
  tenant: string;
  onClose: () => void;
  onDone: (words: Words) => void;
}

const MAX_URL = 500;

export function AddWebhook({ tenant, onClose, onDone }: WebhookDialogsProps) {
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

export function DeleteWebhook({
  tenant,
  webhook,
  onClose,
  onDone,
}: WebhookDialogsProps & { webhook: Webhook }) {
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

const EXAMPLE = `import { Webhook } from "standardwebhooks";

const webhook = new Webhook("whsec_…");
// throws unless body and headers are genuine
const { type, data } = webhook.verify(body, headers);`;

export function Verifying() {
  return (
    <details class="verifying">
      <summary>How a receiver verifies a delivery</summary>
      <p>
        Deliveries are signed as{" "}
        <a href="https://www.standardwebhooks.com" rel="noreferrer">
          Standard Webhooks
        </a>{" "}
        says; there are libraries for most languages. In JavaScript:
      </p>
      <pre>{EXAMPLE}</pre>
      <p>By hand:</p>
      <ol>
        <li>
          Refuse a <code>webhook-timestamp</code> (seconds since 1970) more than 5 minutes away from your
          clock.
        </li>
        <li>
          Join <code>webhook-id</code>, <code>webhook-timestamp</code> and the body as it came, with full
          stops between them.
        </li>
        <li>
          Take its HMAC-SHA256 under the key that the secret holds in base64 behind <code>whsec_</code>, and
          write it in base64.
        </li>
        <li>
          It has to be one of those that stand in <code>webhook-signature</code>, with blanks between them,
          each behind <code>v1,</code>: for a day after its secret was changed a webhook signs with both.
          Compare in constant time.
        </li>
      </ol>
      <p>
        Answer with a status of 2xx within 10 seconds. A delivery may come twice, under the same{" "}
        <code>webhook-id</code>: take it once. One that you refuse with a status of 400 to 499 does not come
        again, unless it is 408 or 429; after 410 nothing more comes.
      </p>
    </details>
  );
}
