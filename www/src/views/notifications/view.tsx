/** What the tenant is told, and the webhooks that it is posted to. */
import { useRef } from "preact/hooks";
import { plural } from "../../domain/words";
import type { Webhook } from "../../lib/api";
import { useSession } from "../../lib/auth";
import { all } from "../../lib/http";
import { useResource } from "../../lib/resource";
import type { TabProps } from "../../lib/router";
import { visible } from "../../ui/hostile";
import { Time } from "../../ui/text";
import { NotificationList } from "./list";
import { Webhooks } from "./webhooks";

export function NotificationsTab({ tenant, place }: TabProps) {
  const { api } = useSession();
  const webhooks = useResource<Webhook[]>(`webhooks ${tenant}`, ({ signal }) =>
    all((query) => api.GET("/v1/tenants/{tenant}/webhooks", { params: { path: { tenant }, query }, signal })),
  );
  const aside = useRef<HTMLElement>(null);
  return (
    <>
      {webhooks.value?.map((webhook) => (
        <Trouble key={webhook.id} webhook={webhook} />
      ))}
      <div class="beside">
        <section aria-labelledby="told">
          <div class="title-row">
            <h2 id="told">Notifications</h2>
            <button type="button" class="quiet jump" onClick={() => aside.current?.focus()}>
              Webhooks ↓
            </button>
          </div>
          <NotificationList tenant={tenant} place={place} />
        </section>
        <Webhooks tenant={tenant} webhooks={webhooks} section={aside} />
      </div>
    </>
  );
}

/** A receiver that takes nothing is worth a word at the top. */
function Trouble({ webhook: { url, failing_since, pending } }: { webhook: Webhook }) {
  if (failing_since === null) return null;
  return (
    <p class="restraint">
      <b>{hostOf(url)}</b> has taken no notification since <Time at={failing_since} countdown="beside" />;{" "}
      {plural(pending, "notification waits", "notifications wait")} for it.
    </p>
  );
}

function hostOf(url: string): string {
  return visible(URL.parse(url)?.host ?? url);
}
