/** What the operator is told that concerns no tenant in particular, newest first. */

import type { OperatorNotification } from "../../lib/api";
import { useSession } from "../../lib/auth";
import { usePages } from "../../lib/resource";
import { visible } from "../../ui/hostile";
import { Empty, Failure, Loading } from "../../ui/notice";
import { Older } from "../../ui/older";
import { Time } from "../../ui/time";

const KINDS: Record<OperatorNotification["kind"], string> = {
  "catalog.stale": "The catalog is old",
  "gateway.own_hops": "A gateway's own fields",
  "bound.tenants": "No room for more tenants",
};

const PAGE = 30;

export function OperatorNotifications() {
  const { api } = useSession();
  const { items, error, loading, more, reload } = usePages<OperatorNotification>(
    api,
    "/v1/notifications",
    PAGE,
  );
  if (items === undefined) {
    return error === undefined ? <Loading what="notifications" /> : <Failure error={error} retry={reload} />;
  }
  if (items.length === 0) {
    return (
      <Empty title="Nothing was told yet.">
        <p>
          Here stands what concerns no tenant in particular: a catalog without new releases, and gateways
          whose own fields are not as they say.
        </p>
      </Empty>
    );
  }
  return (
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
      <Older error={error} loading={loading} more={more} reload={reload} />
    </>
  );
}
