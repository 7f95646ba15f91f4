/** Asks before a key is revoked. */

import type { Key } from "../../lib/api";
import { useSession } from "../../lib/auth";
import { path } from "../../lib/http";
import { Dialog } from "../../ui/dialog";
import { Buttons, useSending } from "../../ui/form";
import { visible } from "../../ui/hostile";
import { Refusal } from "../../ui/notice";
import type { Words } from "../../ui/said";
import { ROLES } from "./words";

interface Props {
  revoked: Key;
  onClose: () => void;
  onDone: (words: Words) => void;
}

export function RevokeKey({ revoked, onClose, onDone }: Props) {
  const { api, me } = useSession();
  const { id, role, tenant } = revoked;
  const name = visible(revoked.name);
  const { busy, error, submit } = useSending(async () => {
    const { body } = await api.ask<{ confirmed: false } | undefined>("DELETE", path`/v1/keys/${id}`);
    const when = body === undefined ? "" : ", counted from when KV confirms it, which it has not yet";
    onDone({ text: `${name} is revoked. It stops working within 90 seconds${when}.`, focus: true });
  });
  return (
    <Dialog title={`Revoke ${name}?`} onClose={onClose}>
      <form onSubmit={submit}>
        <p>
          This {ROLES[role].name.toLowerCase()}'s key of {tenant ?? "all tenants"} stops working within 90
          seconds, for good.{" "}
          {role === "gateway"
            ? "A gateway that still uses it is answered no more: it accepts all mail, and nothing is recorded."
            : "Whoever still uses it is signed out."}
        </p>
        {id === me.id && <p class="refusal">You are signed in with this very key.</p>}
        <Refusal error={error} />
        <Buttons
          deed="Revoke the key"
          doing="Revoking …"
          busy={busy}
          danger
          cancel="Keep it"
          onCancel={onClose}
        />
      </form>
    </Dialog>
  );
}
