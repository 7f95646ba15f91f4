/** Who changed what, from what to what, newest first. */

import { ACTIONS, actor, subject } from "../domain/audit";
import { changes } from "../domain/changes";
import type { AuditEntry } from "../lib/api";
import { useSession } from "../lib/auth";
import { usePages } from "../lib/resource";
import { ChangeList } from "./change-list";
import { visible } from "./hostile";
import { Empty, Failure, Loading } from "./notice";
import { type Column, Table } from "./table";
import { Time } from "./time";
import { Two } from "./two";

interface Props {
  /** Of the API: `/v1/audit`, or a tenant's */
  path: string;
  caption: string;
}

export function AuditTrail({ path, caption }: Props) {
  const { api, me } = useSession();
  const { items, error, loading, more, reload } = usePages<AuditEntry>(api, path);
  if (items === undefined)
    return error === undefined ? (
      <Loading what="the audit trail" />
    ) : (
      <Failure error={error} retry={reload} />
    );
  if (items.length === 0) {
    return (
      <Empty title="Nothing has been changed yet.">
        <p>Every change that somebody makes will stand here for 400 days: who, when, from what, to what.</p>
      </Empty>
    );
  }
  const own = me.id === null ? "admin" : `key:${me.id}`;
  return (
    <>
      <Table caption={caption} columns={columns(own)} rows={items} rowKey={({ id }) => id} />
      {error !== undefined && <Failure error={error} retry={reload} />}
      {more && (
        <p class="actions more">
          <button type="button" onClick={more} disabled={loading} aria-busy={loading}>
            {loading ? "Loading …" : "Show older changes"}
          </button>
        </p>
      )}
    </>
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
        <Two first={ACTIONS[entry.action] ?? entry.action} second={visible(subject(entry) ?? "")} />
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
