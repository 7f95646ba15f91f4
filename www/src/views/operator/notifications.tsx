/** What the operator is told that concerns no tenant in particular, newest first. */
import type { OperatorNotification } from "../../lib/api";
import { useSession } from "../../lib/auth";
import { value } from "../../lib/http";
import { usePages } from "../../lib/resource";
import { Await, More } from "../../ui/await";
import { visible } from "../../ui/hostile";
import { Empty } from "../../ui/notice";
import { Time } from "../../ui/text";

const KINDS: Record<OperatorNotification["kind"], string> = {
  "catalog.stale": "The catalog is old",
  "gateway.own_hops": "A gateway's own fields",
  "bound.tenants": "No room for more tenants",
};

export function OperatorNotifications() {
  const { api } = useSession();
  const news = usePages<OperatorNotification>(
    "operator notifications",
    (query, signal) => value(api.GET("/v1/notifications", { params: { query }, signal })),
    30,
  );
  return (
    <Await of={news} what="notifications">
      {({ items }) =>
        items.length === 0 ? (
          <Empty title="Nothing was told yet.">
            <p>
              Here stands what concerns no tenant in particular: a catalog without new releases, and gateways
              whose own fields are not as they say.
            </p>
          </Empty>
        ) : (
          <>
            <ol class="news">
              {items.map(({ id, at, kind, text }) => (
                <li key={id}>
                  <Time at={at} short />
                  <div>
                    <p class="news-head">
                      <strong>{KINDS[kind] ?? kind}</strong>
                    </p>
                    <p>{visible(text)}</p>
                  </div>
                </li>
              ))}
            </ol>
            <More of={news}>Show older ones</More>
          </>
        )
      }
    </Await>
  );
}
