/** The pages that consist of several views, as tabs: a tenant's, and the operator's. */
import type { FunctionComponent } from "preact";
import type { Me } from "./lib/api";
import { rights, useSession } from "./lib/auth";
import { href, type TabProps, type TenantTab, type ViewProps } from "./lib/router";
import { Boundary, lazy } from "./ui/await";
import { Empty } from "./ui/notice";
import { Title } from "./ui/text";
import { ReportTab } from "./views/tenant/report";

interface Tab<Id, Props> {
  id: Id;
  name: string;
  View: FunctionComponent<Props>;
  /** Whether a key can use it; everybody's can by default */
  open?: (me: Me) => boolean;
}

const PausesTab = lazy(() => import("./views/pauses/view").then((view) => view.PausesTab));
const PolicyTab = lazy(() => import("./views/policy/view").then((view) => view.PolicyTab));
const NotificationsTab = lazy(() =>
  import("./views/notifications/view").then((view) => view.NotificationsTab),
);
const Keys = lazy(() => import("./views/keys/keys").then((view) => view.Keys));
const AuditTrail = lazy(() => import("./ui/audit-trail").then((view) => view.AuditTrail));
const Brake = lazy(() => import("./views/operator/brake").then((view) => view.BrakeSection));
const Facts = lazy(() => import("./views/operator/facts").then((view) => view.Facts));
const OperatorNotifications = lazy(() =>
  import("./views/operator/notifications").then((view) => view.OperatorNotifications),
);

const operates = (me: Me) => rights(me).operate;

const TENANT: Tab<TenantTab, TabProps>[] = [
  { id: "report", name: "Report", View: ReportTab },
  { id: "pauses", name: "Pauses & exemptions", View: PausesTab },
  { id: "policy", name: "Policy", View: PolicyTab },
  { id: "keys", name: "Keys", View: Keys, open: operates },
  { id: "notifications", name: "Notifications", View: NotificationsTab },
  { id: "audit", name: "Audit", View: AuditTrail },
];

export function TenantPage({ place, tenant, tab }: ViewProps & { tenant: string; tab: TenantTab }) {
  const { me } = useSession();
  const trail = me.tenant === null && <a href={href({ view: "home" })}>Tenants</a>;
  return (
    <>
      <Title title={tenant} trail={trail} />
      <Tabs
        label={`Parts of ${tenant}`}
        tabs={TENANT}
        at={tab}
        addressOf={(id) => href({ view: "tenant", tenant, tab: id })}
        props={{ tenant, place }}
      />
    </>
  );
}

const OPERATOR: Tab<string, { tenant: null; place: ViewProps["place"] }>[] = [
  { id: "keys", name: "Keys", View: Keys, open: operates },
  { id: "facts", name: "Catalog & baselines", View: Facts },
  { id: "notifications", name: "Notifications", View: OperatorNotifications },
  { id: "audit", name: "Audit", View: AuditTrail, open: (me) => rights(me).admin },
];

/** What concerns all tenants: the emergency brake, keys, catalog and baselines, and who changed them. */
export function OperatorPage({ place }: ViewProps) {
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
  const at = OPERATOR.find(({ id, open }) => id === place.query.part && (open?.(me) ?? true))?.id;
  return (
    <>
      <Title title="Operator" />
      <Boundary>
        <Brake />
      </Boundary>
      <Tabs
        label="Parts of the operator's page"
        tabs={OPERATOR}
        at={at}
        addressOf={(id) => href({ view: "operator" }, { part: id })}
        props={{ tenant: null, place }}
      />
    </>
  );
}

interface TabsProps<Id, Props> {
  label: string;
  tabs: Tab<Id, Props>[];
  /** The first one that the key can use, where it is undefined */
  at: Id | undefined;
  addressOf: (id: Id) => string;
  props: Props;
}

function Tabs<Id extends string, Props extends object>(given: TabsProps<Id, Props>) {
  const { me } = useSession();
  const tabs = given.tabs.filter(({ open }) => open?.(me) ?? true);
  const shown = given.at === undefined ? tabs[0] : tabs.find(({ id }) => id === given.at);
  return (
    <>
      {tabs.length > 1 && (
        <nav class="tabs" aria-label={given.label}>
          {tabs.map(({ id, name }) => (
            <a key={id} href={given.addressOf(id)} aria-current={id === shown?.id ? "page" : undefined}>
              {name}
            </a>
          ))}
        </nav>
      )}
      {shown === undefined ? (
        <Empty title="Your key cannot use this part.">
          <p>Sign in with a key of an operator or an admin.</p>
        </Empty>
      ) : (
        <Boundary key={shown.id}>
          <shown.View {...given.props} />
        </Boundary>
      )}
    </>
  );
}
