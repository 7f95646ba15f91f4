/** The policy of a tenant: an editor for who may change it, for others a page to read. */
import { rights, useSession } from "../../lib/auth";
import type { TabProps } from "../../lib/router";
import { Failure, Loading } from "../../ui/notice";
import { PolicyEditor } from "./editor";
import { type PolicyPage, usePolicyPage } from "./load";
import { PolicyShown } from "./shown";
import { DeleteTenant } from "./tenant-delete";

export function PolicyTab({ tenant }: TabProps) {
  const { me } = useSession();
  const { value, error, reload } = usePolicyPage(tenant);
  if (value === undefined) {
    return error === undefined ? <Loading what="the policy" /> : <Failure error={error} retry={reload} />;
  }
  const may = rights(me, value.stored.policy);
  return (
    <>
      <Ceiling page={value} />
      {may.policy ? (
        <PolicyEditor key={tenant} tenant={tenant} page={value} />
      ) : (
        <>
          <p class="restraint">
            {may.operate
              ? "Your mail operator sets this policy, and has not left it to you: ask there for a change."
              : "Your key reads only: an operator or an admin changes the policy."}
          </p>
          <PolicyShown page={value} />
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
