/** A tenant of which nothing has come yet: what to do about it. */
import { href } from "../route";
import { Empty } from "../ui/notice";

export function NothingYet({ tenant }: { tenant: string }) {
  const event = JSON.stringify(
    {
      tenant,
      connector: "on_premises",
      client: { ip: "203.0.113.7" },
      envelope: { from: "a@example.com", to: ["b@example.org"] },
      header: "Received: …\r\nFrom: …\r\n",
    },
    null,
    1,
  );
  return (
    <Empty title={`No Exchange server of ${tenant} has been seen yet.`}>
      <p>
        It shows here with the first message that it hands over, once a mail gateway asks Tidegate about it.
        So that one does:
      </p>
      <ol>
        <li>
          Make a key for the gateway (<i>Keys</i>, role gateway).
        </li>
        <li>
          Let the gateway ask Tidegate: the README's “Mail gateways” says how for each mail server. Or try it
          by hand with the header of a message:
          <pre>{`curl ${location.origin}/v1/decide \\\n  -H 'Authorization: Bearer KEY' -d '${event}'`}</pre>
        </li>
      </ol>
      <p>
        You have a message at hand? <a href={href({ view: "check" })}>Check its header</a> first: it says
        whether an Exchange server is found in it. The <a href="openapi.json">API</a> is described by its
        document.
      </p>
    </Empty>
  );
}
