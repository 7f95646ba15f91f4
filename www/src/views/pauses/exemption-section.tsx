/** Which servers are exempt, and what can be done about it. */

import type { Policy, Server } from "../../lib/api";
import { rights, useSession } from "../../lib/auth";
import { path } from "../../lib/http";
import { useLoad } from "../../lib/resource";
import { useDialogs } from "../../ui/dialog";
import { ExemptDialog } from "../../ui/exempt-dialog";
import { ExemptEnd } from "../../ui/exempt-end";
import { Failure, Loading } from "../../ui/notice";
import { Said } from "../../ui/said";
import { ExemptionList } from "./exemption-list";

interface Props {
  tenant: string;
  policy: Policy;
}

type Open = { dialog: "exempt"; server?: Server } | { dialog: "end"; server: Server };

export function Exemptions({ tenant, policy }: Props) {
  const { api, me } = useSession();
  const { value, loading, error, reload } = useLoad<Server[]>(
    async (signal) => {
      const exempt: Server[] = [];
      const options = { signal, query: { exempt: true } };
      for await (const page of api.pages<Server>(path`/v1/tenants/${tenant}/servers`, options))
        exempt.push(...page);
      return exempt;
    },
    [api, tenant],
  );
  const { open, setOpen, words, close, done } = useDialogs<Open>(reload);
  const may = rights(me, policy);
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
      <Said words={words} />
      {error !== undefined && <Failure error={error} retry={reload} />}
      {value === undefined && loading && <Loading what="servers" />}
      {value && value.length === 0 && <p>No server is exempt.</p>}
      {value && value.length > 0 && (
        <ExemptionList
          tenant={tenant}
          servers={value}
          onChange={may.exempt ? (server) => setOpen({ dialog: "exempt", server }) : undefined}
          onEnd={(server) => setOpen({ dialog: "end", server })}
        />
      )}
      {open?.dialog === "exempt" && (
        <ExemptDialog
          tenant={tenant}
          {...(open.server ? { server: open.server } : {})}
          onClose={close}
          onDone={done}
        />
      )}
      {open?.dialog === "end" && (
        <ExemptEnd tenant={tenant} server={open.server} onClose={close} onDone={done} />
      )}
    </section>
  );
}
