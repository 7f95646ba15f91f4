/** A tenant of which nothing has come yet: what to do about it. */

import { rights, useSession } from "../../lib/auth";
import { href } from "../../lib/router";
import { Empty } from "../../ui/notice";

export function NothingYet({ tenant }: { tenant: string }) {
  const { me } = useSession();
  return (
    <Empty title={`No Exchange server of ${tenant} has been seen yet.`}>
      <p>Servers show here with the first message that they hand over, once a mail gateway asks Tidegate.</p>
      <ol>
        <li>
          {rights(me).admin ? (
            <>
              Make a key for the gateway under{" "}
              <a href={href({ view: "tenant", tenant, tab: "keys" })}>Keys</a>.
            </>
          ) : (
            "Have an admin make a key for the gateway."
          )}
        </li>
        <li>Let the gateway ask Tidegate: the README says how, for each mail server.</li>
        <li>
          Or try it by hand, with the header of a message that an Exchange server handed over:
          <pre>{example(tenant)}</pre>
        </li>
      </ol>
      <p>
        To see what Tidegate makes of a message first, <a href={href({ view: "check" })}>check its header</a>.
        All that can be asked is in the description of the <a href="openapi.json">API</a>.
      </p>
    </Empty>
  );
}

function example(tenant: string): string {
  return `curl ${location.origin}/v1/decide -H 'Authorization: Bearer KEY' -d '{
  "tenant": "${tenant}", "connector": "on_premises",
  "client": {"ip": "203.0.113.7"}, "header": "Received: …"
}'`;
}
