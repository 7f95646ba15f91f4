/** The keys that work: a list, and the making and revoking of them. For one tenant, or for all. */
import { useMemo, useState } from "preact/hooks";
import type { Key } from "../../lib/api";
import { handsOut, useSession } from "../../lib/auth";
import { all } from "../../lib/http";
import { useResource } from "../../lib/resource";
import { href, type Place } from "../../lib/router";
import { order, type Sort } from "../../lib/sort";
import { useNow } from "../../lib/time";
import { Await } from "../../ui/await";
import { useFilter } from "../../ui/filters";
import { visible } from "../../ui/hostile";
import { Empty } from "../../ui/notice";
import { StatusLine, useDialogs } from "../../ui/status";
import { type Column, Table } from "../../ui/table";
import { Time } from "../../ui/text";
import { MakeKey, RevokeKey } from "./dialogs";
import { inRotation, ROLES, settings } from "./words";

interface Props {
  /** Null: those of all tenants */
  tenant: string | null;
  place: Place;
}

type Open = { dialog: "make"; like?: Key } | { dialog: "revoke"; key: Key };

export function Keys({ tenant, place }: Props) {
  const { api } = useSession();
  const [sort, setSort] = useState<Sort>({ column: "created_at", descending: true });
  const keys = useResource<Key[]>(
    `keys ${tenant}`,
    ({ signal, show, before }) =>
      all(
        (page) => {
          const query = { ...page, ...(tenant !== null && { tenant }) };
          return api.GET("/v1/keys", { params: { query }, signal });
        },
        (some) => before ?? show(some),
      ),
    { rows: (keys) => keys.length },
  );
  const list = keys.value ?? NONE;
  const { open, setOpen, words, close, done } = useDialogs<Open>(keys.reload);
  const columns = useColumns(tenant, list, setOpen);
  const { shown, bar, none } = useFilter({
    place,
    rows: list,
    facets: NONE,
    textOf,
    what: "key",
    placeholder: tenant === null ? "name, tenant or role" : "name or role",
    loading: keys.loading,
  });
  return (
    <section class="keys" aria-label="Keys">
      <div class="title-row">
        {list.length > 0 && bar}
        <button type="button" class="primary" onClick={() => setOpen({ dialog: "make" })}>
          Make a key
        </button>
      </div>
      <StatusLine words={words} />
      <Await of={keys} what="keys">
        {(all) =>
          all.length === 0 ? (
            <Empty title="There is no key yet.">
              <p>Every gateway and every reader needs one. Hand it over by a safe way.</p>
            </Empty>
          ) : (
            none || (
              <Table
                caption={tenant === null ? "Keys of all tenants" : `Keys of ${tenant}`}
                columns={columns}
                rows={shown}
                rowKey={(key) => key.id}
                sort={sort}
                onSort={setSort}
              />
            )
          )
        }
      </Await>
      {open?.dialog === "make" && <MakeKey tenant={tenant} like={open.like} onClose={close} onDone={done} />}
      {open?.dialog === "revoke" && <RevokeKey revoked={open.key} onClose={close} onDone={done} />}
    </section>
  );
}

const NONE: never[] = [];

function textOf({ id, name, role, tenant }: Key): string {
  return `${id} ${name} ${role} ${tenant ?? "all tenants"}`.toLowerCase();
}

function useColumns(tenant: string | null, keys: Key[], open: (what: Open) => void): Column<Key>[] {
  const { me } = useSession();
  return useMemo(() => {
    const rotation = inRotation(keys);
    const byText = (text: (key: Key) => string) => (one: Key, other: Key) =>
      order(text(one).toLowerCase(), text(other).toLowerCase());
    const columns: (Column<Key> | false)[] = [
      {
        id: "name",
        label: "Name",
        head: true,
        compare: byText(({ name }) => name),
        cell: (key) => (
          <>
            {visible(key.name)}
            {key.id === me.id && <span class="muted"> (yours)</span>}
            {rotation.has(key.id) && <Rotation age={rotation.get(key.id)} />}
          </>
        ),
      },
      {
        id: "role",
        label: "Role",
        compare: byText(({ role }) => role),
        cell: ({ role }) => ROLES[role].name,
      },
      tenant === null && {
        id: "tenant",
        label: "Tenant",
        compare: byText((key) => key.tenant ?? ""),
        cell: (key) =>
          key.tenant === null ? (
            <span class="whole">All tenants</span>
          ) : (
            <a href={href({ view: "tenant", tenant: key.tenant, tab: "keys" })}>{key.tenant}</a>
          ),
      },
      keys.some(({ gateway }) => settings(gateway) !== "") && {
        id: "gateway",
        label: "Gateway",
        cell: ({ gateway }) => settings(gateway) || null,
      },
      keys.some(({ networks }) => networks !== null) && {
        id: "networks",
        label: "From",
        cell: ({ networks }) => networks && <code>{networks.join(", ")}</code>,
      },
      {
        id: "created_at",
        label: "Made",
        compare: byText(({ created_at }) => created_at),
        cell: ({ created_at }) => <Time at={created_at} />,
      },
      keys.some(({ expires_at }) => expires_at !== null) && {
        id: "expires_at",
        label: "Expires",
        compare: byText((key) => key.expires_at ?? "~"),
        cell: ({ expires_at }) => expires_at && <Expiry at={expires_at} />,
      },
      {
        id: "last_used_on",
        label: "Last used (UTC)",
        compare: byText((key) => key.last_used_on ?? ""),
        cell: ({ last_used_on }) => last_used_on ?? <span class="muted">never yet</span>,
      },
      {
        id: "actions",
        label: "Actions",
        cell: (key) =>
          handsOut(me, key.role) && (
            <div class="actions">
              {!rotation.has(key.id) && (
                <button
                  type="button"
                  class="quiet"
                  aria-label={`Rotate ${visible(key.name)}`}
                  onClick={() => open({ dialog: "make", like: key })}
                >
                  Rotate
                </button>
              )}
              <button
                type="button"
                class="quiet"
                aria-label={`Revoke ${visible(key.name)}${rotation.has(key.id) ? `, the ${rotation.get(key.id)} one` : ""}`}
                onClick={() => open({ dialog: "revoke", key })}
              >
                Revoke
              </button>
            </div>
          ),
      },
    ];
    return columns.filter((column) => column !== false);
  }, [tenant, keys, me, open]);
}

function Expiry({ at }: { at: string }) {
  const now = useNow();
  if (Date.parse(at) > now.getTime()) return <Time at={at} countdown="beside" />;
  return (
    <>
      <Time at={at} /> <span class="refusal">It works no more.</span>
    </>
  );
}

function Rotation({ age }: { age: "older" | "newer" | undefined }) {
  return (
    <p class="hint">
      {age === "newer"
        ? "The newer of two."
        : "The older of two: revoke it once everything uses the newer one."}
    </p>
  );
}
