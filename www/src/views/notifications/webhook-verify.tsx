/** How a receiver tells that a delivery is genuine. */

const EXAMPLE = `import { Webhook } from "standardwebhooks";

const webhook = new Webhook("whsec_…");
// throws unless body and headers are genuine
const { type, data } = webhook.verify(body, headers);`;

export function Verifying() {
  return (
    <details class="verifying">
      <summary>How a receiver verifies a delivery</summary>
      <p>
        Deliveries are signed as{" "}
        <a href="https://www.standardwebhooks.com" rel="noreferrer">
          Standard Webhooks
        </a>{" "}
        says; there are libraries for most languages. In JavaScript:
      </p>
      <pre>{EXAMPLE}</pre>
      <p>By hand:</p>
      <ol>
        <li>
          Refuse a <code>webhook-timestamp</code> (seconds since 1970) more than 5 minutes away from your
          clock.
        </li>
        <li>
          Join <code>webhook-id</code>, <code>webhook-timestamp</code> and the body as it came, with full
          stops between them.
        </li>
        <li>
          Take its HMAC-SHA256 under the key that the secret holds in base64 behind <code>whsec_</code>, and
          write it in base64.
        </li>
        <li>
          It has to be one of those that stand in <code>webhook-signature</code>, with blanks between them,
          each behind <code>v1,</code>: for a day after its secret was changed a webhook signs with both.
          Compare in constant time.
        </li>
      </ol>
      <p>
        Answer with a status of 2xx within 10 seconds. A delivery may come twice, under the same{" "}
        <code>webhook-id</code>: take it once. One that you refuse with a status of 400 to 499 does not come
        again, unless it is 408 or 429; after 410 nothing more comes.
      </p>
    </details>
  );
}
