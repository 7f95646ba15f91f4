/** What concerns all tenants: the emergency brake, keys, catalog and baselines, and who changed them. */
import type { ComponentType } from "preact";
import type { ViewProps } from "../../app";
import { type Me, rights, useSession } from "../../lib/auth";
import { href } from "../../lib/router";
import { AuditTrail } from "../../ui/audit-trail";
import { Empty } from "../../ui/notice";
import { Title } from "../../ui/title";
import { Keys } from "../keys/keys";
import { BrakeSection } from "./brake";
import { Facts } from "./facts";
import { OperatorNotifications } from "./notifications";

interface Part {
  id: string;
  name: string;
  View: ComponentType;
  open: (me: Me) => boolean;
}

const PARTS: Part[] = [
  { id: "keys", name: "Keys", View: () => <Keys tenant={null} />, open: (me) => rights(me).operate },
  { id: "facts", name: "Catalog & baselines", View: Facts, open: () => true },
  { id: "notifications", name: "Notifications", View: OperatorNotifications, open: () => true },
  {
    id: "audit",
    name: "Audit",
    View: () => <AuditTrail path="/v1/audit" caption="Changes for all tenants, newest first" />,
    open: (me) => rights(me).admin,
  },
];

export function OperatorView({ place }: ViewProps) {
  const { me } = useSession();
  if (me.tenant !== null) {
    return (
      <Empty title="Your key is for one tenant.">
        <p>
          <a href={href({ view: "tenant", tenant: me.tenant, tab: "report" })}>Go to {me.tenant}</a>
        </p>
      </Empty>
    );
  }
  const parts = PARTS.filter(({ open }) => open(me));
  const shown = parts.find(({ id }) => id === place.query.part) ?? parts[0];
  return (
    <>
      <Title title="Operator" />
      <BrakeSection />
      {parts.length > 1 && (
        <nav class="tabs" aria-label="Parts of the operator's page">
          {parts.map(({ id, name }) => (
            <a
              key={id}
              href={href({ view: "operator" }, { part: id })}
              aria-current={id === shown?.id ? "page" : undefined}
            >
              {name}
            </a>
          ))}
        </nav>
      )}
      {shown && <shown.View key={shown.id} />}
    </>
  );
}
