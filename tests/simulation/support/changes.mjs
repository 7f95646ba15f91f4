/**
 * Changes by operators. Where one fails, whether it was made after all is asked at once, and is all that may be true.
 */
import { rfc3339 } from "../../support/client.mjs";
import { DAY, pausedDays } from "./model.mjs";
import { POLICIES } from "./operations.mjs";

/** @typedef {import("./world.mjs").World} World */
/**
 * @typedef {object} Key
 * @property {string} id
 * @property {string} key
 * @property {number} edge which made it, and knows it from then on
 * @property {boolean} isPublished that edge has found it in KV
 * @property {boolean} isRevoked
 */

/**
 * @param {World} world
 * @param {any} operation
 */
export function change(world, operation) {
  return CHANGES[operation.do](world, operation);
}

/** @type {Record<string, (world: World, operation: any) => Promise<void>>} */
const CHANGES = { policy, pause, unpause, exempt, unexempt, key: makeKey, revoke, brake, catalog };

/**
 * @param {World} world
 * @param {number} edge
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 */
async function ask(world, edge, method, path, body) {
  const asked = world.clients[edge].ask(method, path, { body, now: world.now, fresh: true });
  // what an object's answer lost on its way is lost to the caller, too
  const answer = await asked.catch((error) => {
    if (!(error instanceof SyntaxError)) throw error;
    return { status: 503, text: String(error), json: undefined };
  });
  const isOurs = answer.status >= 500;
  world.check(
    "a change is made, refused for a reason, or fails for ours",
    answer.status < 500 || answer.status === 503,
    () => ({
      method,
      path,
      answer: answer.text,
      status: answer.status,
    }),
  );
  return { ...answer, isDone: answer.status < 300, isOurs };
}

/**
 * The truth, from the object itself.
 * @param {World} world
 * @param {string} path
 */
async function truth(world, path) {
  await world.mend();
  // a machine under load is late by itself
  let last = "";
  for (let tries = 0; tries < 10; tries += 1) {
    const { status, json, text } = await ask(world, 0, "GET", path);
    if (status < 500) return status === 200 ? json : undefined;
    last = text;
  }
  throw new Error(`${path} is not answered: ${last}`);
}

/** @param {World} world @param {{ tenant: string, policy: number, edge: number }} operation */
async function policy(world, { tenant: name, policy: number, edge }) {
  const tenant = world.tenant(name);
  const wanted = POLICIES[number];
  const before = await stagesOf(world, name);
  const { isDone, isOurs } = await ask(world, edge, "PUT", `/v1/tenants/${name}/policy`, wanted);
  const shown = isOurs ? await truth(world, `/v1/tenants/${name}/policy`) : undefined;
  const isMade = isDone || (shown && isSame(shown, wanted));
  // edges may go by it from now on, or never have heard of it
  if (isMade || isOurs) tenant.policies = [...tenant.policies, ...(isMade ? [wanted] : [])];
  if (!isMade || before === undefined) return;
  const after = await stagesOf(world, name);
  for (const [id, was] of before) {
    const is = after?.get(id);
    if (!was || !is) continue;
    const isNoStricter =
      is.block_minutes <= was.block_minutes &&
      is.block_minutes + is.throttle_minutes <= was.block_minutes + was.throttle_minutes;
    world.check("no change of policy makes a spell stricter at once", isNoStricter, () => ({
      name,
      id,
      wanted,
      was,
      is,
    }));
  }
}

/** @param {any} shown @param {typeof POLICIES[0]} wanted */
function isSame({ mode, baseline, ladder }, wanted) {
  return mode === wanted.mode && baseline === wanted.baseline && ladder.length === wanted.ladder.length;
}

/**
 * @param {World} world
 * @param {string} tenant
 * @returns {Promise<Map<string, any> | undefined>} undefined where it cannot be known
 */
async function stagesOf(world, tenant) {
  const { json, isDone } = await ask(world, 0, "GET", `/v1/tenants/${tenant}/servers`);
  return isDone ? new Map(json.items.map((/** @type {any} */ { id, stage }) => [id, stage])) : undefined;
}

/** @param {World} world @param {{ tenant: string, days: number, ahead: number | null, edge: number }} operation */
async function pause(world, { tenant: name, days, ahead, edge }) {
  const tenant = world.tenant(name);
  const today = world.now - (world.now % DAY);
  const from = ahead === null ? world.now : Math.max(today + ahead * DAY, world.now);
  const until = from - (from % DAY) + days * DAY;
  const starts = ahead === null ? {} : { starts_on: rfc3339(from).slice(0, 10) };
  const body = { days, reason: "a simulated pause", ...starts };
  const answer = await ask(world, edge, "POST", `/v1/tenants/${name}/pauses`, body);
  const isMade = answer.isDone || (answer.isOurs && (await listed(world, name)) > tenant.pauses.length);
  const meetsAnother = pausesOf(tenant).some((other) => from < other.until && other.from < until);
  const granted = [...pausedDays([...tenant.pauses, { from, until }]).values()].every(
    (used) => used <= budget(tenant),
  );
  if (isMade) {
    world.check("a pause stays within the budget", granted, () => ({ body, pauses: tenant.pauses }));
    world.check("pauses do not meet", !meetsAnother, () => ({ body, pauses: tenant.pauses }));
    const id = answer.isDone ? answer.json.id : tenant.pauses.length + 1;
    tenant.pauses.push({ id, from, until, isSettled: false });
  } else if (!answer.isOurs) {
    const isDue = granted && !meetsAnother;
    world.check("a pause within the budget is granted", !isDue || touches(tenant, from, until), () => ({
      body,
      pauses: tenant.pauses,
      answer: answer.text,
    }));
  }
}

/** @param {import("./model.mjs").Tenant} tenant */
function budget(tenant) {
  return tenant.name === "auto" ? 90 : tenant.policy.pause_days_per_year;
}

/** Whether a day of it is one of another pause's. @param {import("./model.mjs").Tenant} tenant @param {number} from @param {number} until */
function touches(tenant, from, until) {
  const first = from - (from % DAY);
  return pausesOf(tenant).some((other) => other.until > first && other.from - (other.from % DAY) < until);
}

/** Pauses that were not taken back before they began: a day of such a one is free again. @param {import("./model.mjs").Tenant} tenant */
function pausesOf(tenant) {
  return tenant.pauses.filter(({ from, until }) => from < until);
}

/** How many pauses the ledger lists. @param {World} world @param {string} tenant */
async function listed(world, tenant) {
  return (await truth(world, `/v1/tenants/${tenant}/pauses?limit=100`)).items.length;
}

/** @param {World} world @param {{ tenant: string, edge: number }} operation */
async function unpause(world, { tenant: name, edge }) {
  const tenant = world.tenant(name);
  const open = tenant.pauses.find(({ from, until }) => until > Math.max(from, world.now));
  if (!open) return;
  const answer = await ask(world, edge, "DELETE", `/v1/tenants/${name}/pauses/${open.id}`);
  let isMade = answer.isDone;
  if (answer.isOurs) {
    const { items } = await truth(world, `/v1/tenants/${name}/pauses?limit=100`);
    isMade = items.some((/** @type {any} */ { id, state }) => id === open.id && state === "ended");
  }
  world.check("a pause that is open can be ended", isMade || answer.isOurs, () => ({
    open,
    answer: answer.text,
  }));
  if (isMade) open.until = Math.max(open.from, Math.min(open.until, world.now));
}

/** @param {World} world @param {{ tenant: string, server: string, days: number, edge: number }} operation */
async function exempt(world, { tenant: name, server: id, days, edge }) {
  const server = world.tenant(name).servers.get(id);
  const path = `/v1/tenants/${name}/servers/${id}/exemption`;
  const until = world.now + days * DAY;
  const answer = await ask(world, edge, "PUT", path, { reason: "simulated", expires_at: rfc3339(until) });
  const shown = answer.isOurs ? await truth(world, path) : undefined;
  if (!server || (!answer.isDone && shown?.expires_at !== rfc3339(until))) return;
  end(server, world.now);
  server.exemptions.push({ from: world.now, until, isSettled: false });
}

/** @param {World} world @param {{ tenant: string, server: string, edge: number }} operation */
async function unexempt(world, { tenant: name, server: id, edge }) {
  const server = world.tenant(name).servers.get(id);
  const path = `/v1/tenants/${name}/servers/${id}/exemption`;
  const answer = await ask(world, edge, "DELETE", path);
  if (!server) return;
  if (answer.isDone || (answer.isOurs && (await truth(world, path)) === undefined)) end(server, world.now);
}

/** Ends the exemption that runs. @param {import("./model.mjs").Server} server @param {number} now */
function end(server, now) {
  for (const exemption of server.exemptions) exemption.until = Math.min(exemption.until, now);
}

/** @param {World} world @param {{ name: string, edge: number }} operation */
async function makeKey(world, { name, edge }) {
  const answer = await ask(world, edge, "POST", "/v1/keys", { role: "gateway", tenant: "plain", name });
  if (answer.isDone)
    world.keys.set(name, {
      id: answer.json.id,
      key: answer.json.key,
      edge,
      isPublished: false,
      isRevoked: false,
    });
}

/** @param {World} world @param {{ name: string, edge: number }} operation */
async function revoke(world, { name, edge }) {
  const key = world.keys.get(name);
  if (!key || key.isRevoked) return;
  const answer = await ask(world, edge, "DELETE", `/v1/keys/${key.id}`);
  if (answer.isOurs) {
    const { items } = await truth(world, "/v1/keys?tenant=plain&limit=100");
    key.isRevoked = !items.some((/** @type {any} */ { id }) => id === key.id);
  } else {
    world.check("a key that lives can be revoked", answer.isDone, () => ({ name, answer: answer.text }));
    key.isRevoked = true;
  }
}

/** @param {World} world @param {{ mode: string, edge: number }} operation */
async function brake(world, { mode, edge }) {
  const answer = await ask(world, edge, "PUT", "/v1/control/mode", { mode });
  const shown = answer.isOurs ? await truth(world, "/v1/control/mode") : undefined;
  if (!answer.isDone && shown?.mode !== mode) return;
  const was = world.ceilings.at(-1);
  world.ceilings = [...world.ceilings, mode];
  if (was === "enforce" && mode !== "enforce")
    world.braked.push({ from: world.now, until: Number.POSITIVE_INFINITY });
  const open = world.braked.find(({ until }) => until === Number.POSITIVE_INFINITY);
  if (mode === "enforce" && open) open.until = world.now;
}

/** The catalog that is in force is put anew. @param {World} world @param {{ edge: number }} operation */
async function catalog(world, { edge }) {
  const shown = await ask(world, edge, "GET", "/v1/catalog");
  if (!shown.isDone) return;
  const answer = await ask(world, edge, "PUT", "/v1/catalog", shown.json.catalog);
  const isOfNext = answer.text.includes("unknown field `next`"); // as another version left it: callers are told
  world.check("a catalog that was shown can be put", answer.isDone || answer.isOurs || isOfNext, () => ({
    answer: answer.text,
  }));
}
