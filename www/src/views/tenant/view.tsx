/** One tenant: its report, and beside it what is set for it, as tabs. */
import type { ComponentType } from "preact";
import type { ViewProps } from "../../app";
import { type Me, rights, useSession } from "../../lib/auth";
import { href, type Place, type TenantTab } from "../../lib/router";
import { Empty } from "../../ui/notice";
import { Part } from "../../ui/part";
import { Title } from "../../ui/title";
import { ReportTab } from "./report";

export interface TabProps {
  tenant: string;
  place: Place;
}

interface Tab {
  id: TenantTab;
  name: string;
  /** The report comes with the page, all others when they are first used. */
  load: (() => Promise<ComponentType<TabProps>>) | null;
  /** Whether a key can use it */
  open: (me: Me) => boolean;
}

const everybody = () => true;

const TABS: Tab[] = [
  { id: "report", name: "Report", load: null, open: everybody },
  {
    id: "pauses",
    name: "Pauses & exemptions",
    load: () => import("../pauses/view").then((part) => part.PausesTab),
    open: everybody,
  },
  {
    id: "policy",
    name: "Policy",
    load: () => import("../policy/view").then((part) => part.PolicyTab),
    open: everybody,
  },
  {
    id: "keys",
    name: "Keys",
    load: () => import("../keys/tenant").then((part) => part.KeysTab),
    open: (me) => rights(me).operate,
  },
  {
    id: "notifications",
    name: "Notifications",
    load: () => import("../notifications/view").then((part) => part.NotificationsTab),
    open: everybody,
  },
  {
    id: "audit",
    name: "Audit",
    load: () => import("./audit").then((part) => part.AuditTab),
    open: everybody,
  },
];

export function TenantView({ place, tenant, tab }: ViewProps & { tenant: string; tab: TenantTab }) {
  const { me } = useSession();
  const tabs = TABS.filter(({ open }) => open(me));
  const shown = tabs.find(({ id }) => id === tab);
  const trail = me.tenant === null && <a href={href({ view: "home" })}>Tenants</a>;
  return (
    <>
      <Title title={tenant} trail={trail} />
      <nav class="tabs" aria-label={`Parts of ${tenant}`}>
        {tabs.map(({ id, name }) => (
          <a
            key={id}
            href={href({ view: "tenant", tenant, tab: id })}
            aria-current={id === tab ? "page" : undefined}
          >
            {name}
          </a>
        ))}
      </nav>
      {shown === undefined && (
        <Empty title="Your key cannot use this part.">
          <p>Sign in with a key of an operator or an admin.</p>
        </Empty>
      )}
      {shown?.load === null && <ReportTab tenant={tenant} place={place} />}
      {shown?.load && <Part key={tab} load={shown.load} props={{ tenant, place }} />}
    </>
  );
}
