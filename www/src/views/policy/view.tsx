/** The policy of a tenant: an editor for who may change it, for others a page to read. */
import { useState } from "preact/hooks";
import type { Catalog, Mode, Policy } from "../../lib/api";
import { rights, useSession } from "../../lib/auth";
import { type Api, all, value } from "../../lib/http";
import { useResource } from "../../lib/resource";
import { go, guardLeaving, type TabProps } from "../../lib/router";
import { Await } from "../../ui/await";
import { ConfirmDialog } from "../../ui/dialog";
import { PolicyEditor } from "./editor";
import { PolicyShown } from "./shown";

/** A policy as it is stored, and by what a change tells that it knows this one. */
export interface Stored {
  policy: Policy;
  etag: string | null;
}

export interface PolicyPage {
  stored: Stored;
  catalog: Catalog;
  /** Names */
  baselines: string[];
  /** What the emergency brake leaves; null where the reader may not know */
  ceiling: Mode | null;
}

export async function loadPolicy(api: Api, tenant: string, signal?: AbortSignal): Promise<Stored> {
  const asked = api.GET("/v1/tenants/{tenant}/policy", { params: { path: { tenant } }, signal });
  return { policy: await value(asked), etag: (await asked).response.headers.get("etag") };
}

export function PolicyTab({ tenant }: TabProps) {
  const { api, me } = useSession();
  const page = useResource<PolicyPage>(
    `policy page ${tenant}`,
    async ({ signal }) => {
      const [stored, { catalog }, baselines, control] = await Promise.all([
        loadPolicy(api, tenant, signal),
        value(api.GET("/v1/catalog", { signal })),
        all((query) => api.GET("/v1/baselines", { params: { query }, signal })),
        me.tenant === null ? value(api.GET("/v1/control/mode", { signal })) : null,
      ]);
      return {
        stored,
        catalog,
        baselines: baselines.map(({ name }) => name),
        ceiling: control?.mode ?? null,
      };
    },
    { edited: true },
  );
  return (
    <Await of={page} what="the policy">
      {(page) => <Loaded tenant={tenant} page={page} />}
    </Await>
  );
}

function Loaded({ tenant, page }: { tenant: string; page: PolicyPage }) {
  const { me } = useSession();
  const may = rights(me, page.stored.policy);
  return (
    <>
      <Ceiling page={page} />
      {may.policy ? (
        <PolicyEditor key={tenant} tenant={tenant} page={page} />
      ) : (
        <>
          <p class="restraint">
            {may.operate
              ? "Your mail operator sets this policy, and has not left it to you: ask there for a change."
              : "Your key reads only: an operator or an admin changes the policy."}
          </p>
          <PolicyShown page={page} />
        </>
      )}
      {may.admin && <DeleteTenant tenant={tenant} />}
    </>
  );
}

/** The policy is not all that counts. */
function Ceiling({ page: { ceiling } }: { page: PolicyPage }) {
  if (ceiling === null || ceiling === "enforce") return null;
  return (
    <p class="restraint">
      Enforcement is halted for all tenants at present: whatever this policy says, all mail is accepted
      {ceiling === "off" && ", and nothing is recorded"}.
    </p>
  );
}

/** At the page's end: it is seldom wanted, and cannot be undone. */
function DeleteTenant({ tenant }: { tenant: string }) {
  const { api } = useSession();
  const [open, setOpen] = useState(false);
  const send = async () => {
    await api.DELETE("/v1/tenants/{tenant}", { params: { path: { tenant } } });
    // edits of its policy are void
    guardLeaving(null);
    go({ view: "home" });
  };
  return (
    <section class="forget">
      <button type="button" class="danger" onClick={() => setOpen(true)}>
        Delete this tenant
      </button>
      {open && (
        <ConfirmDialog
          title={`Delete ${tenant}?`}
          deed="Delete it for good"
          doing="Deleting …"
          typed={tenant}
          send={send}
          onClose={() => setOpen(false)}
        >
          <p>
            All that is stored of it is deleted: its policy, servers, evidence, clocks, pauses, report,
            notifications, webhooks and audit trail. Its keys stop working. That cannot be undone; if its
            servers go on sending mail, it may begin anew, without a policy.
          </p>
        </ConfirmDialog>
      )}
    </section>
  );
}
