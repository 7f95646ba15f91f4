/**
 * Keys for gateways that differ from the world's own.
 */
import { until } from "../../support/client.mjs";
import { TENANT } from "./world.mjs";

/**
 * @param {import("./world.mjs").World} world
 * @param {object} gateway what the key says of its gateway, such as `own_hops`
 * @returns {Promise<string>} a key that the worker knows
 */
export async function gatewayKey({ client }, gateway) {
  const body = {
    role: "gateway",
    tenant: TENANT,
    name: "gateway",
    gateway: { connector: "on_premises", ...gateway },
  };
  const answer = await client.ask("POST", "/v1/keys", { body });
  if (answer.status !== 201) throw new Error(answer.text);
  const { key } = answer.json;
  await until("the key is known", async () => {
    const asked = await client.ask("POST", "/v1/decide", { body: { header: "" }, key });
    return asked.status === 200 && !asked.json.degraded;
  });
  return key;
}
