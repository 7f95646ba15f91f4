/** The servers of a tenant that are exempt. */
import { useState } from "preact/hooks";
import { actor } from "../../domain/audit";
import { reason } from "../../domain/words";
import type { Exemption, Server } from "../../lib/api";
import { useSession } from "../../lib/auth";
import { path } from "../../lib/http";
import { useLoad } from "../../lib/resource";
import { href } from "../../lib/router";
import { order, type Sort } from "../../lib/sort";
import { visible } from "../../ui/hostile";
import { Rate } from "../../ui/rate";
import { type Column, Table } from "../../ui/table";
import { Time } from "../../ui/time";
import { Two } from "../../ui/two";

interface Props {
  tenant: string;
  servers: Server[];
  /** Undefined where the reader may not */
  onChange: ((server: Server) => void) | undefined;
  onEnd: (server: Server) => void;
}

export function ExemptionList({ tenant, servers, onChange, onEnd }: Props) {
  const [sort, setSort] = useState<Sort>({ column: "until", descending: false });
  const columns: Column<Server>[] = [
    {
      id: "server",
      label: "Server",
      head: true,
      cell: ({ id, name }) => <a href={href({ view: "server", tenant, server: id })}>{visible(name)}</a>,
      compare: (one, other) => order(one.id, other.id),
    },
    {
      id: "until",
      label: "Exempt until",
      cell: ({ exempt_until }) => exempt_until && <Time at={exempt_until} countdown="beside" />,
      compare: (one, other) => order(until(one), until(other)),
    },
    {
      id: "reason",
      label: "Reason",
      cell: (server) => <Granted tenant={tenant} server={server} />,
    },
    {
      id: "otherwise",
      label: "Otherwise",
      cell: ({ stage, standing }) =>
        stage ? (
          <Two first={<Rate minutes={stage} would />} second={`stage ${stage.number}`} />
        ) : (
          standing && reason(standing)
        ),
    },
  ];
  if (onChange) {
    columns.push({
      id: "actions",
      label: "Actions",
      cell: (server) => (
        <div class="actions">
          <button
            type="button"
            class="quiet"
            aria-label={`Change exemption of ${visible(server.name)}`}
            onClick={() => onChange(server)}
          >
            Change
          </button>
          <button
            type="button"
            class="quiet"
            aria-label={`End exemption of ${visible(server.name)}`}
            onClick={() => onEnd(server)}
          >
            End
          </button>
        </div>
      ),
    });
  }
  return (
    <Table
      caption={`Exempt servers of ${tenant}`}
      columns={columns}
      rows={servers}
      rowKey={({ id }) => id}
      sort={sort}
      onSort={setSort}
    />
  );
}

function until({ exempt_until }: Server): string {
  return exempt_until ?? "";
}

/** Why and by whom, which lists of servers do not say: asked for row by row. */
function Granted({ tenant, server }: { tenant: string; server: Server }) {
  const { api } = useSession();
  const { value } = useLoad<Exemption>(
    (signal) => api.get(path`/v1/tenants/${tenant}/servers/${server.id}/exemption`, { signal }),
    [api, tenant, server],
  );
  if (!value) return null;
  const by = (
    <>
      <Time at={value.created_at} short="date" />, {actor(value.created_by)}
    </>
  );
  return <Two first={<span class="reason">{value.reason}</span>} second={by} />;
}
