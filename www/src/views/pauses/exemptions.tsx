/** Which servers of a tenant are exempt, and what can be done about it. */
import { useState } from "preact/hooks";
import { actor } from "../../domain/audit";
import { reason } from "../../domain/words";
import type { Exemption, Policy, Server } from "../../lib/api";
import { rights, useSession } from "../../lib/auth";
import { all, value } from "../../lib/http";
import { useResource } from "../../lib/resource";
import { href } from "../../lib/router";
import { order, type Sort } from "../../lib/sort";
import { Await } from "../../ui/await";
import { EndExemption, ExemptDialog } from "../../ui/exemption";
import { visible } from "../../ui/hostile";
import { Rate } from "../../ui/marks";
import { StatusLine, useDialogs } from "../../ui/status";
import { type Column, Table } from "../../ui/table";
import { Host, Time, TwoLines } from "../../ui/text";

interface Props {
  tenant: string;
  policy: Policy;
}

type Open = { dialog: "exempt"; server?: Server } | { dialog: "end"; server: Server };

export function Exemptions({ tenant, policy }: Props) {
  const { api, me } = useSession();
  const path = { tenant };
  const servers = useResource<Server[]>(
    `exempt ${tenant}`,
    ({ signal }) =>
      all((page) => {
        const query = { ...page, exempt: true };
        return api.GET("/v1/tenants/{tenant}/servers", { params: { path, query }, signal });
      }),
    { rows: (servers) => servers.length },
  );
  const { open, setOpen, words, close, done } = useDialogs<Open>(servers.reload);
  const may = rights(me, policy);
  const dialog = { tenant, onClose: close, onDone: done };
  return (
    <section class="part exemptions" aria-labelledby="exemptions">
      <div class="title-row">
        <h2 id="exemptions">Exempt servers</h2>
        {may.exempt && (
          <button type="button" onClick={() => setOpen({ dialog: "exempt" })}>
            Exempt a server
          </button>
        )}
      </div>
      <p class="muted">
        All mail of an exempt server is accepted, and its clock stands still.
        {may.operate && !may.exempt && " Your mail operator grants exemptions: ask there for one."}
      </p>
      <StatusLine words={words} />
      <Await of={servers} what="servers">
        {(list) =>
          list.length === 0 ? (
            <p>No server is exempt.</p>
          ) : (
            <List tenant={tenant} servers={list} onOpen={may.exempt ? setOpen : undefined} />
          )
        }
      </Await>
      {open?.dialog === "exempt" && <ExemptDialog {...dialog} server={open.server} />}
      {open?.dialog === "end" && <EndExemption {...dialog} server={open.server} />}
    </section>
  );
}

interface ListProps {
  tenant: string;
  servers: Server[];
  /** Undefined where the reader may not */
  onOpen: ((open: Open) => void) | undefined;
}

function List({ tenant, servers, onOpen }: ListProps) {
  const [sort, setSort] = useState<Sort>({ column: "until", descending: false });
  const columns: Column<Server>[] = [
    {
      id: "server",
      label: "Server",
      head: true,
      cell: ({ id, name }) => (
        <a href={href({ view: "server", tenant, server: id })}>
          <Host name={name} />
        </a>
      ),
      compare: (one, other) => order(one.id, other.id),
    },
    {
      id: "until",
      label: "Exempt until",
      cell: ({ exempt_until }) => exempt_until && <Time at={exempt_until} countdown="beside" />,
      compare: (one, other) => order(one.exempt_until ?? "", other.exempt_until ?? ""),
    },
    { id: "reason", label: "Reason", cell: (server) => <Granted tenant={tenant} server={server} /> },
    {
      id: "otherwise",
      label: "Otherwise",
      cell: ({ stage, standing }) =>
        stage ? (
          <TwoLines first={<Rate minutes={stage} would />} second={`stage ${stage.number}`} />
        ) : (
          standing && reason(standing)
        ),
    },
  ];
  if (onOpen) {
    const button = (server: Server, name: string, open: Open) => (
      <button
        type="button"
        class="quiet"
        aria-label={`${name} exemption of ${visible(server.name)}`}
        onClick={() => onOpen(open)}
      >
        {name}
      </button>
    );
    columns.push({
      id: "actions",
      label: "Actions",
      cell: (server) => (
        <div class="actions">
          {button(server, "Change", { dialog: "exempt", server })}
          {button(server, "End", { dialog: "end", server })}
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

/** Why and by whom, which lists of servers do not say: asked for row by row. */
function Granted({ tenant, server }: { tenant: string; server: Server }) {
  const { api } = useSession();
  const path = { tenant, server: server.id };
  const { value: exemption } = useResource<Exemption>(
    `exemption ${tenant} ${server.id} ${server.exempt_until}`,
    ({ signal }) =>
      value(api.GET("/v1/tenants/{tenant}/servers/{server}/exemption", { params: { path }, signal })),
    { refresh: false },
  );
  if (!exemption) return null;
  const by = (
    <>
      <Time at={exemption.created_at} short="date" />, {actor(exemption.created_by)}
    </>
  );
  return <TwoLines first={<span class="reason">{visible(exemption.reason)}</span>} second={by} />;
}
