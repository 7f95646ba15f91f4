/** A new tenant: its id, and on to its policy, which makes it. */
import { useState } from "preact/hooks";
import { refuseTenantId } from "../../domain/tenant-id";
import { go, href } from "../../lib/router";
import { Dialog } from "../../ui/dialog";
import { ExactInput } from "../../ui/exact-input";
import { Buttons, Field } from "../../ui/form";

interface Props {
  /** Those that are there */
  ids: Set<string>;
  onClose: () => void;
}

export function AddTenant({ ids, onClose }: Props) {
  const [id, setId] = useState("");
  const [tried, setTried] = useState(false);
  const known = ids.has(id.trim());
  const refused = refuseTenantId(id.trim());
  const submit = (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (refused || known) return;
    onClose();
    go({ view: "tenant", tenant: id.trim(), tab: "policy" });
  };
  return (
    <Dialog title="Add a tenant" onClose={onClose}>
      <form onSubmit={submit} noValidate>
        <Field
          label="Id"
          hint="By which gateways name it, such as contoso. It stays as it is."
          error={tried ? (refused ?? (known ? "There is such a tenant already." : undefined)) : undefined}
        >
          {(input) => <ExactInput {...input} value={id} onType={setId} />}
        </Field>
        {tried && known && (
          <p>
            <a href={href({ view: "tenant", tenant: id.trim(), tab: "report" })}>Go to {id.trim()}</a>
          </p>
        )}
        <p>Next you choose its policy; the tenant is there once that is saved.</p>
        <Buttons deed="Choose its policy" onCancel={onClose} />
      </form>
    </Dialog>
  );
}
