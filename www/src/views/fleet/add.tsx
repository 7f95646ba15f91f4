/** A new tenant: its id, and on to its policy, which makes it. */
import { useState } from "preact/hooks";
import { TENANT_ID } from "../../domain/tenant-id";
import { go, href } from "../../lib/router";
import { FormDialog } from "../../ui/dialog";
import { TextField } from "../../ui/form";

interface Props {
  /** Those that are there */
  ids: Set<string>;
  onClose: () => void;
}

export function AddTenant({ ids, onClose }: Props) {
  const [typed, setTyped] = useState("");
  const id = typed.trim();
  const known = ids.has(id);
  const send = async () => {
    onClose();
    go({ view: "tenant", tenant: id, tab: "policy" });
  };
  return (
    <FormDialog title="Add a tenant" deed="Choose its policy" disabled={known} send={send} onClose={onClose}>
      <TextField
        label="Id"
        hint="By which gateways name it, such as contoso. It stays as it is."
        error={known ? "There is such a tenant already." : undefined}
        {...TENANT_ID}
        value={typed}
        onType={setTyped}
      />
      {known && (
        <p>
          <a href={href({ view: "tenant", tenant: id, tab: "report" })}>Go to {id}</a>
        </p>
      )}
      <p>Next you choose its policy; the tenant is there once that is saved.</p>
    </FormDialog>
  );
}
