/** What stops the clocks of a tenant: its pauses, and the exemptions of single servers. */

import type { Policy } from "../../lib/api";
import { useSession } from "../../lib/auth";
import { path } from "../../lib/http";
import { useLoad } from "../../lib/resource";
import type { TabProps } from "../../lib/router";
import { Failure, Loading } from "../../ui/notice";
import { Exemptions } from "./exemption-section";
import { Pauses } from "./pause-section";

export function PausesTab({ tenant }: TabProps) {
  const { api } = useSession();
  const { value, error, reload } = useLoad<Policy>(
    (signal) => api.get(path`/v1/tenants/${tenant}/policy`, { signal }),
    [api, tenant],
  );
  if (value === undefined) {
    return error === undefined ? <Loading what="pauses" /> : <Failure error={error} retry={reload} />;
  }
  return (
    <>
      <Pauses tenant={tenant} policy={value} />
      <Exemptions tenant={tenant} policy={value} />
    </>
  );
}
