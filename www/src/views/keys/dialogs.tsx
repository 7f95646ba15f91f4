/** Makes a key, or the successor of one, and shows it the only time that it is shown; revokes one. */
import { useState } from "preact/hooks";
import { TENANT_ID } from "../../domain/tenant-id";
import type { CreatedKey, Key, Role } from "../../lib/api";
import { handsOut, useSession } from "../../lib/auth";
import { value } from "../../lib/http";
import { ConfirmDialog, FormDialog, SecretDialog } from "../../ui/dialog";
import { Choices, type ErrorOf, TextField } from "../../ui/form";
import { visible } from "../../ui/hostile";
import type { Words } from "../../ui/status";
import {
  type Bounds,
  type Draft,
  draftOf,
  GatewayFields,
  LastDayField,
  NetworksField,
  postedBounds,
  postedGateway,
} from "./fields";
import { ROLES } from "./words";

interface Props {
  tenant: string | null;
  /** Its successor is made */
  like?: Key | undefined;
  onClose: () => void;
  onDone: (words: Words) => void;
}

export function MakeKey(props: Props) {
  const { like, onDone } = props;
  const [made, setMade] = useState<CreatedKey | undefined>();
  if (made === undefined)
    return like ? <Rotate {...props} like={like} onMade={setMade} /> : <Make {...props} onMade={setMade} />;
  const name = visible(made.name);
  const done = () =>
    onDone({
      text: like ? `${name} has a second key.` : `The key ${name} was made.`,
      // a key that has two cannot be rotated again: its button is gone
      focus: like !== undefined,
    });
  return (
    <SecretDialog title={`The key ${name}`} label="API key" text={made.key} onDone={done}>
      Copy it now, and hand it over by a safe way. It works at once.
    </SecretDialog>
  );
}

interface FormProps extends Props {
  onMade: (key: CreatedKey) => void;
}

function Rotate({ like, onClose, onMade }: FormProps & { like: Key }) {
  const { api } = useSession();
  const [bounds, setBounds] = useState<Bounds>({ lastDay: "", networks: like.networks?.join(", ") ?? "" });
  const { role, tenant, name, gateway } = like;
  const send = async () =>
    onMade(
      await value(api.POST("/v1/keys", { body: { role, tenant, name, gateway, ...postedBounds(bounds) } })),
    );
  return (
    <FormDialog
      title={`Rotate ${visible(name)}`}
      deed="Make the new key"
      doing="Making …"
      send={send}
      onClose={onClose}
    >
      {(errorOf) => (
        <>
          <p>
            A second key is made with the same name, role, networks and settings. Both work until you revoke
            the older one, so that nothing is interrupted:
          </p>
          <ol>
            <li>Make the new key and copy it.</li>
            <li>Have everything that uses the older key use the new one.</li>
            <li>Revoke the older key.</li>
          </ol>
          <LastDayField bounds={bounds} onChange={setBounds} errorOf={errorOf} />
        </>
      )}
    </FormDialog>
  );
}

function Make({ tenant, onClose, onMade }: FormProps) {
  const { api, me } = useSession();
  const [role, setRole] = useState<Role | undefined>();
  const [scope, setScope] = useState<"one" | "all" | undefined>(tenant === null ? undefined : "one");
  const [bound, setBound] = useState(tenant ?? "");
  const [name, setName] = useState("");
  const [gateway, setGateway] = useState<Draft>(draftOf(null));
  const [bounds, setBounds] = useState<Bounds>({ lastDay: "", networks: "" });
  const send = async () => {
    if (!role) return;
    const body = {
      role,
      tenant: role === "admin" || scope === "all" ? null : bound.trim(),
      name: name.trim(),
      gateway: role === "gateway" ? postedGateway(gateway) : null,
      ...postedBounds(bounds),
    };
    onMade(await value(api.POST("/v1/keys", { body })));
  };
  const roles = (Object.keys(ROLES) as Role[]).filter(
    (each) => handsOut(me, each) && ((each !== "admin" && each !== "metrics") || tenant === null),
  );
  const ofOne = (errorOf: ErrorOf) => (
    <>
      <Choices
        legend="For whom"
        choices={[
          { value: "one", name: "One tenant" },
          { value: "all", name: "All tenants", meaning: "Also those that are still to come." },
        ]}
        value={scope}
        onChoose={setScope}
      />
      {scope === "one" && (
        <TextField
          label="Tenant"
          hint="Its id, such as contoso."
          error={errorOf("tenant")}
          {...TENANT_ID}
          value={bound}
          onType={setBound}
        />
      )}
    </>
  );
  return (
    <FormDialog
      title={tenant === null ? "Make a key" : `Make a key for ${tenant}`}
      deed="Make the key"
      doing="Making …"
      send={send}
      onClose={onClose}
    >
      {(errorOf) => (
        <>
          <Choices
            legend="What it may do"
            choices={roles.map((value) => ({ value, ...ROLES[value] }))}
            value={role}
            onChoose={setRole}
            error={errorOf("role")}
          />
          {tenant === null && role !== "admin" && ofOne(errorOf)}
          <TextField
            label="Name"
            hint="Who or what uses it, such as mx1."
            error={errorOf("name")}
            prose
            required
            maxLength={100}
            value={name}
            onType={setName}
          />
          <LastDayField bounds={bounds} onChange={setBounds} errorOf={errorOf} />
          <NetworksField bounds={bounds} onChange={setBounds} errorOf={errorOf} />
          {role === "gateway" && <GatewayFields draft={gateway} onChange={setGateway} errorOf={errorOf} />}
        </>
      )}
    </FormDialog>
  );
}

interface RevokeProps {
  revoked: Key;
  onClose: () => void;
  onDone: (words: Words) => void;
}

/** Asks before a key is revoked. */
export function RevokeKey({ revoked, onClose, onDone }: RevokeProps) {
  const { api, me } = useSession();
  const { id, role, tenant } = revoked;
  const name = visible(revoked.name);
  const send = async () => {
    const { response } = await api.DELETE("/v1/keys/{key}", { params: { path: { key: id } } });
    const when = response.status === 204 ? "" : ", counted from when KV confirms it, which it has not yet";
    onDone({ text: `${name} is revoked. It stops working within 90 seconds${when}.`, focus: true });
  };
  return (
    <ConfirmDialog
      title={`Revoke ${name}?`}
      deed="Revoke the key"
      doing="Revoking …"
      send={send}
      onClose={onClose}
    >
      <p>
        This {ROLES[role].name.toLowerCase()}'s key of {tenant ?? "all tenants"} stops working within 90
        seconds, for good.{" "}
        {role === "gateway"
          ? "A gateway that still uses it is answered no more: it accepts all mail, and nothing is recorded."
          : "Whoever still uses it is signed out."}
      </p>
      {id === me.id && <p class="refusal">You are signed in with this very key.</p>}
    </ConfirmDialog>
  );
}
