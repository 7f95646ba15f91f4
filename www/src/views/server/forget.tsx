/** Forgetting a server, for who may. */
import { useState } from "preact/hooks";
import { rights, useSession } from "../../lib/auth";
import { path } from "../../lib/http";
import { go } from "../../lib/router";
import { Dialog } from "../../ui/dialog";
import { Buttons, useSending } from "../../ui/form";
import { Refusal } from "../../ui/notice";
import type { ServerPage } from "./load";

interface Props {
  tenant: string;
  page: ServerPage;
}

/** At the page's end: it is seldom wanted, and cannot be undone. */
export function Forget({ tenant, page }: Props) {
  const { me } = useSession();
  const [open, setOpen] = useState(false);
  if (!rights(me).forget) return null;
  return (
    <section class="forget">
      <button type="button" class="danger" onClick={() => setOpen(true)}>
        Forget this server
      </button>
      {open && <ForgetDialog tenant={tenant} page={page} onClose={() => setOpen(false)} />}
    </section>
  );
}

function ForgetDialog({ tenant, page: { server }, onClose }: Props & { onClose: () => void }) {
  const { api } = useSession();
  const { busy, error, submit } = useSending(async () => {
    await api.ask("DELETE", path`/v1/tenants/${tenant}/servers/${server.id}`);
    go({ view: "tenant", tenant, tab: "report" });
  });
  return (
    <Dialog title={`Forget ${server.name}?`} onClose={onClose}>
      <form onSubmit={submit}>
        <p>
          Its builds, its evidence, what happened to it and its clock are deleted, and any exemption. If it
          sends mail again, it is a new server: out of date, it begins at stage 1.
        </p>
        <Refusal error={error} />
        <Buttons deed="Forget it" busy={busy} danger cancel="Keep it" onCancel={onClose} />
      </form>
    </Dialog>
  );
}
