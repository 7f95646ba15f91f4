/** Makes a key, or the successor of one, and shows it the only time that it is shown. */
import { useState } from "preact/hooks";
import { refuseTenantId } from "../../domain/tenant-id";
import type { CreatedKey, Key, Role } from "../../lib/api";
import { handsOut, useSession } from "../../lib/auth";
import { Dialog } from "../../ui/dialog";
import { ExactInput } from "../../ui/exact-input";
import { Buttons, Choices, Field, useSending } from "../../ui/form";
import { visible } from "../../ui/hostile";
import { Refusal } from "../../ui/notice";
import type { Words } from "../../ui/said";
import { ShownOnce } from "../../ui/shown-once";
import { type Bounds, LastDayField, NetworksField, posted as postedBounds, UNBOUNDED } from "./bounds";
import { type Draft, draftOf, GatewayFields, posted } from "./gateway";
import { ROLES } from "./words";

interface Props {
  tenant: string | null;
  /** Its successor is made */
  like?: Key | undefined;
  onClose: () => void;
  onDone: (words: Words) => void;
}

export function MakeKey({ tenant, like, onClose, onDone }: Props) {
  const [made, setMade] = useState<CreatedKey | undefined>();
  if (made) return <Made made={made} rotates={like !== undefined} onDone={onDone} />;
  return <Form tenant={tenant} like={like} onClose={onClose} onMade={setMade} />;
}

interface FormProps {
  tenant: string | null;
  like: Key | undefined;
  onClose: () => void;
  onMade: (key: CreatedKey) => void;
}

function Form({ tenant, like, onClose, onMade }: FormProps) {
  const { api, me } = useSession();
  const [role, setRole] = useState<Role | undefined>(like?.role);
  const [scope, setScope] = useState<"one" | "all" | undefined>(tenant === null ? undefined : "one");
  const [bound, setBound] = useState(tenant ?? "");
  const [name, setName] = useState(like?.name ?? "");
  const [gateway, setGateway] = useState<Draft>(draftOf(like?.gateway ?? null));
  const [bounds, setBounds] = useState<Bounds>({ ...UNBOUNDED, networks: like?.networks?.join(", ") ?? "" });
  const [tried, setTried] = useState(false);
  const { busy, error, errorOf, submit, unlessBusy } = useSending(async () => {
    const body = like
      ? {
          role: like.role,
          tenant: like.tenant,
          name: like.name,
          gateway: like.gateway,
          ...postedBounds(bounds),
        }
      : {
          role,
          tenant: role === "admin" || scope === "all" ? null : bound.trim(),
          name: name.trim(),
          gateway: role === "gateway" ? posted(gateway) : null,
          ...postedBounds(bounds),
        };
    onMade((await api.ask<CreatedKey>("POST", "/v1/keys", body)).body);
  });
  const close = unlessBusy(onClose);
  const asksTenant = tenant === null && role !== "admin" && scope === "one";
  const refused = asksTenant ? refuseTenantId(bound.trim()) : undefined;
  const send = (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (!refused) submit();
  };
  const fields = ["role", "tenant", "name", "gateway.own_hops", "expires_at", "networks"];
  const known = fields.some((field) => errorOf(field));
  const boundsProps = { bounds, onChange: setBounds, errorOf };
  const roles = (Object.keys(ROLES) as Role[]).filter(
    (each) => handsOut(me, each) && ((each !== "admin" && each !== "metrics") || tenant === null),
  );
  if (like) {
    return (
      <Dialog title={`Rotate ${visible(like.name)}`} onClose={close}>
        <form onSubmit={submit}>
          <p>
            A second key is made with the same name, role, networks and settings. Both work until you revoke
            the older one, so that nothing is interrupted:
          </p>
          <ol>
            <li>Make the new key and copy it.</li>
            <li>Have everything that uses the older key use the new one.</li>
            <li>Revoke the older key.</li>
          </ol>
          <LastDayField {...boundsProps} />
          {!errorOf("expires_at") && <Refusal error={error} />}
          <Buttons deed="Make the new key" doing="Making …" busy={busy} onCancel={close} />
        </form>
      </Dialog>
    );
  }
  return (
    <Dialog title={tenant === null ? "Make a key" : `Make a key for ${tenant}`} onClose={close}>
      <form onSubmit={send}>
        <Choices
          legend="What it may do"
          choices={roles.map((value) => ({ value, ...ROLES[value] }))}
          value={role}
          onChoose={setRole}
          error={errorOf("role")}
        />
        {tenant === null && role !== "admin" && (
          <Choices
            legend="For whom"
            choices={[
              { value: "one", name: "One tenant" },
              { value: "all", name: "All tenants", meaning: "Also those that are still to come." },
            ]}
            value={scope}
            onChoose={setScope}
          />
        )}
        {asksTenant && (
          <Field
            label="Tenant"
            hint="Its id, such as contoso."
            error={(tried && refused) || errorOf("tenant")}
          >
            {(input) => <ExactInput {...input} required value={bound} onType={setBound} />}
          </Field>
        )}
        <Field label="Name" hint="Who or what uses it, such as mx1." error={errorOf("name")}>
          {(input) => (
            <input
              {...input}
              required
              maxLength={100}
              autocomplete="off"
              value={name}
              onInput={(event) => setName(event.currentTarget.value)}
            />
          )}
        </Field>
        <LastDayField {...boundsProps} />
        <NetworksField {...boundsProps} />
        {role === "gateway" && <GatewayFields draft={gateway} onChange={setGateway} errorOf={errorOf} />}
        {!known && <Refusal error={error} />}
        <Buttons deed="Make the key" doing="Making …" busy={busy} onCancel={close} />
      </form>
    </Dialog>
  );
}

function Made({ made, rotates, onDone }: { made: CreatedKey; rotates: boolean; onDone: Props["onDone"] }) {
  const done = () =>
    onDone({
      text: rotates ? `${visible(made.name)} has a second key.` : `The key ${visible(made.name)} was made.`,
      // a key that has two cannot be rotated again: its button is gone
      focus: rotates,
    });
  return (
    <ShownOnce title={`The key ${visible(made.name)}`} label="API key" text={made.key} onDone={done}>
      Copy it now, and hand it over by a safe way. It works at once.
    </ShownOnce>
  );
}
