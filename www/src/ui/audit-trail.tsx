/** Who changed what, from what to what, newest first: in a tenant, or for all of them. */
import { ACTIONS, actor, subject } from "../domain/audit";
import { changes } from "../domain/changes";
import type { AuditEntry } from "../lib/api";
import { useSession } from "../lib/auth";
import { value } from "../lib/http";
import { usePages } from "../lib/resource";
import { Await, More } from "./await";
import { ChangeList } from "./change-list";
import { visible } from "./hostile";
import { Empty } from "./notice";
import { type Column, Table } from "./table";
import { Time, TwoLines } from "./text";

export function AuditTrail({ tenant }: { tenant: string | null }) {
  const { api, me } = useSession();
  const entries = usePages<AuditEntry>(`audit ${tenant}`, (query, signal) =>
    value(
      tenant === null
        ? api.GET("/v1/audit", { params: { query }, signal })
        : api.GET("/v1/tenants/{tenant}/audit", { params: { path: { tenant }, query }, signal }),
    ),
  );
  const own = me.id === null ? "admin" : `key:${me.id}`;
  return (
    <Await of={entries} what="the audit trail">
      {({ items }) =>
        items.length === 0 ? (
          <Empty title="Nothing has been changed yet.">
            <p>
              Every change that somebody makes will stand here for 400 days: who, when, from what, to what.
            </p>
          </Empty>
        ) : (
          <>
            <Table
              caption={`Changes ${tenant === null ? "for all tenants" : `in ${tenant}`}, newest first`}
              columns={columns(own)}
              rows={items}
              rowKey={({ id }) => id}
            />
            <More of={entries}>Show older changes</More>
          </>
        )
      }
    </Await>
  );
}

function columns(own: string): Column<AuditEntry>[] {
  return [
    { id: "at", label: "When", cell: ({ at }) => <Time at={at} /> },
    {
      id: "action",
      label: "What",
      head: true,
      cell: (entry) => (
        <TwoLines first={ACTIONS[entry.action] ?? entry.action} second={visible(subject(entry) ?? "")} />
      ),
    },
    {
      id: "actor",
      label: "Who",
      cell: ({ actor: name }) => (
        <>
          {actor(name)}
          {name === own && <span class="muted"> (you)</span>}
        </>
      ),
    },
    {
      id: "changes",
      label: "From what to what",
      cell: ({ before, after }) => <ChangeList list={changes(before, after)} />,
    },
  ];
}
