/** The pages that consist of several views, as tabs: a tenant's, and the operator's. */
import type { ComponentType } from "preact";
import { type Me, rights, useSession } from "./lib/auth";
import { path } from "./lib/http";
import { href, type TabProps, type TenantTab, type ViewProps } from "./lib/router";
import { Empty } from "./ui/notice";
import { Part } from "./ui/part";
import { Title } from "./ui/title";
import { ReportTab } from "./views/tenant/report";

interface Tab<Id, Props> {
  id: Id;
  name: string;
  /** What comes with the page; all others are fetched when they are first used */
  View?: ComponentType<Props>;
  load?: () => Promise<ComponentType<Props>>;
  /** Whether a key can use it; everybody's can by default */
  open?: (me: Me) => boolean;
}

const AUDIT = () => import("./ui/audit-trail").then(({ AuditTrail }) => AuditTrail);

const TENANT: Tab<TenantTab, TabProps>[] = [
  { id: "report", name: "Report", View: ReportTab },
  {
    id: "pauses",
    name: "Pauses & exemptions",
    load: () => import("./views/pauses/view").then(({ PausesTab }) => PausesTab),
  },
  {
    id: "policy",
    name: "Policy",
    load: () => import("./views/policy/view").then(({ PolicyTab }) => PolicyTab),
  },
  {
    id: "keys",
    name: "Keys",
    load: () => import("./views/keys/keys").then(({ Keys }) => Keys),
    open: (me) => rights(me).operate,
  },
  {
    id: "notifications",
    name: "Notifications",
    load: () => import("./views/notifications/view").then(({ NotificationsTab }) => NotificationsTab),
  },
  {
    id: "audit",
    name: "Audit",
    load: async () => {
      const AuditTrail = await AUDIT();
      return ({ tenant }) => (
        <AuditTrail path={path`/v1/tenants/${tenant}/audit`} caption={`Changes in ${tenant}, newest first`} />
      );
    },
  },
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

const OPERATOR: Tab<string, object>[] = [
  {
    id: "keys",
    name: "Keys",
    load: async () => {
      const { Keys } = await import("./views/keys/keys");
      return () => <Keys tenant={null} />;
    },
    open: (me) => rights(me).operate,
  },
  {
    id: "facts",
    name: "Catalog & baselines",
    load: () => import("./views/operator/facts").then(({ Facts }) => Facts),
  },
  {
    id: "notifications",
    name: "Notifications",
    load: () =>
      import("./views/operator/notifications").then(({ OperatorNotifications }) => OperatorNotifications),
  },
  {
    id: "audit",
    name: "Audit",
    load: async () => {
      const AuditTrail = await AUDIT();
      return () => <AuditTrail path="/v1/audit" caption="Changes for all tenants, newest first" />;
    },
    open: (me) => rights(me).admin,
  },
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
  return (
    <>
      <Title title="Operator" />
      <Part
        load={() => import("./views/operator/brake").then(({ BrakeSection }) => BrakeSection)}
        props={{}}
      />
      <Tabs
        label="Parts of the operator's page"
        tabs={OPERATOR}
        at={place.query.part}
        addressOf={(id) => href({ view: "operator" }, { part: id })}
        props={{}}
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
        <>
          {shown.View && <shown.View {...given.props} />}
          {shown.load && <Part key={shown.id} load={shown.load} props={given.props} />}
        </>
      )}
    </>
  );
}
