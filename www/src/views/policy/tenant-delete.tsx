/** Deletes a tenant, once its name was typed. */
import { useState } from "preact/hooks";
import { useSession } from "../../lib/auth";
import { path } from "../../lib/http";
import { go, keepHere } from "../../lib/router";
import { Dialog } from "../../ui/dialog";
import { ExactInput } from "../../ui/exact-input";
import { Buttons, Field, useSending } from "../../ui/form";
import { Refusal } from "../../ui/notice";

/** At the page's end: it is seldom wanted, and cannot be undone. */
export function DeleteTenant({ tenant }: { tenant: string }) {
  const [open, setOpen] = useState(false);
  return (
    <section class="forget">
      <button type="button" class="danger" onClick={() => setOpen(true)}>
        Delete this tenant
      </button>
      {open && <DeleteDialog tenant={tenant} onClose={() => setOpen(false)} />}
    </section>
  );
}

function DeleteDialog({ tenant, onClose }: { tenant: string; onClose: () => void }) {
  const { api } = useSession();
  const [typed, setTyped] = useState("");
  const { busy, error, submit } = useSending(async () => {
    if (typed.trim() !== tenant) return;
    await api.ask("DELETE", path`/v1/tenants/${tenant}`);
    // edits of its policy are void
    keepHere(null);
    go({ view: "home" });
  });
  return (
    <Dialog title={`Delete ${tenant}?`} onClose={onClose}>
      <form onSubmit={submit}>
        <p>
          All that is stored of it is deleted: its policy, servers, evidence, clocks, pauses, report,
          notifications, webhooks and audit trail. Its keys stop working. That cannot be undone; if its
          servers go on sending mail, it may begin anew, without a policy.
        </p>
        <Field label={`Type ${tenant} to delete it`}>
          {(input) => <ExactInput {...input} required value={typed} onType={setTyped} />}
        </Field>
        <Refusal error={error} />
        <Buttons
          deed="Delete it for good"
          doing="Deleting …"
          busy={busy}
          disabled={typed.trim() !== tenant}
          danger
          cancel="Keep it"
          onCancel={onClose}
        />
      </form>
    </Dialog>
  );
}
