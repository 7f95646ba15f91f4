/**
 * A deployment in small: two edges, each with its own sight of KV, before the same objects on disk, and a relay between;
 * all on one clock. Operations are done to it one after the other, and what is answered is held against the model.
 */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { at, event, received, rfc3339 } from "../../support/client.mjs";
import { startEdge } from "../../support/edge.mjs";
import { startKv } from "../../support/kv-service.mjs";
import { LedgerFiles } from "../../support/ledger-file.mjs";
import { randomFrom } from "../../support/random.mjs";
import { rewrite, withMembersOfTheNext } from "../../support/stored-state.mjs";
import { change } from "./changes.mjs";
import { readLedger } from "./ledgers.mjs";
import { check, checkAnswer, note, Tenant } from "./model.mjs";
import { POLICIES, TENANTS } from "./operations.mjs";
import { beQuiet, sent } from "./quiet.mjs";
import { RATE } from "./rate.mjs";

/** @typedef {import("./operations.mjs").Operation} Operation */
/** @typedef {import("./operations.mjs").Mail} Mail */

/** All that is required and enforced by default has been for long then. */
const BEGINNING = at("2027-03-01T08:00:00Z");
const MEMORY = "/dev/shm";
/** Servers that are out of date from the beginning on. */
const IN_SPELLS = [
  { server: "ex1.contoso.com", build: "15.1.2507.39" },
  { server: "ex2.contoso.com", build: "15.0.1497.48" },
];
/** Faults that only what edges collect meets. */
const OF_BATCHES = new Set(["twice", "unconfirmed", "renumbered"]);
/** All is counted and told to KV by then, also by a busy machine, and what a kill interrupted. */
const PATIENCE_MS = 40_000;
/** KV takes a key once within that time, and a margin. */
const KV_SPACING_MS = 1_200 / RATE;
/** A kill comes so soon after its messages have left, in milliseconds. */
const KILLED_WITHIN_MS = 12;

/**
 * Does a list to a deployment of its own.
 * @param {Operation[]} list
 * @param {number} seed of what the list does not say: when which edge sees a change, when a kill comes
 * @param {{ patience?: number }} [options] `patience`: milliseconds within which all that is asked for has to come
 * @returns {Promise<{ refused: number, asked: number }>}
 * @throws {import("./model.mjs").Violation}
 */
export async function live(list, seed, { patience = PATIENCE_MS } = {}) {
  const world = await World.begin(seed);
  world.patience = patience;
  try {
    for (const operation of list) await world.do(operation);
    await world.do({ after: 60, do: "quiet" });
    return world.sums;
  } finally {
    await world.end();
  }
}

export class World {
  now = BEGINNING;
  tenants = new Map(TENANTS.map((name) => [name, new Tenant(name)]));
  /** Ceilings that may be in force at some edge, the last one set last. @type {string[]} */
  ceilings = ["enforce"];
  /** When the ceiling stopped clocks. @type {import("./model.mjs").Time[]} */
  braked = [];
  /** @type {Map<string, import("./changes.mjs").Key>} by the names that lists give them */
  keys = new Map();
  sums = { refused: 0, asked: 0 };
  patience = PATIENCE_MS;
  /** How ledgers fail now. */
  ledgerMode = "ok";
  /** Keys of which objects that began again did not know that KV had just been told them. */
  justTold = 0;
  #began = Date.now();
  #serial = 0;

  /** @param {number} seed */
  static async begin(seed) {
    const world = new World();
    world.random = randomFrom(seed);
    world.stateDir = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), "tidegate-simulation-"));
    world.ledgers = new LedgerFiles(world.stateDir, readLedger);
    try {
      world.kv = await startKv();
      await world.kv.setClock(world.now);
      await world.kv.setRate(RATE);
      world.secondKv = await world.kv.second(seed);
      await world.start();
      await world.prepare();
    } catch (error) {
      await world.end();
      throw error;
    }
    return world;
  }

  async start() {
    this.ledgerMode = "ok";
    const { kv, stateDir, secondKv } = this;
    const vars = {
      CLOCK_AHEAD: "0",
      CLOCK_RATE: String(RATE),
      CLOCK_SINCE: String(this.#began),
    };
    this.edge = await startEdge({ kv, stateDir, secondEdge: true, secondKv, vars, shortLived: true });
    this.clients = [this.edge.client, this.edge.second];
  }

  async end() {
    await this.edge?.worker.kill();
    await this.kv?.stop();
    rmSync(/** @type {string} */ (this.stateDir), { recursive: true, force: true });
  }

  /** Each tenant is known, each that has a policy has put it, and each has servers that are out of date. */
  async prepare() {
    for (const name of this.tenants.keys()) {
      if (name !== "auto") await this.clients[0].putPolicy(name, POLICIES[0], { now: this.now });
      for (const server of IN_SPELLS) {
        for (let witness = 0; witness < 2; witness += 1) await this.recorded({ tenant: name, ...server });
      }
      await this.recorded({ tenant: name, server: "ex3.contoso.com", build: "15.1.2507.61" });
    }
    await beQuiet(this);
  }

  /**
   * A message that is written down: a busy machine may be later than a receipt is awaited; then it was accepted, and is
   * sent again.
   * @param {{ tenant: string, server: string, build: string }} of
   */
  async recorded(of) {
    const mail = { ...of, edge: 0, sync: true, fresh: true };
    const before = this.tenant(of.tenant).server(of.server).least.accept;
    const isRecorded = () => this.tenant(of.tenant).server(of.server).least.accept > before;
    for (let tries = 0; tries < 10 && !isRecorded(); tries += 1) await this.mail(mail);
    assert.ok(isRecorded(), "the first messages are written down");
  }

  /** @param {string} name */
  tenant(name) {
    const tenant = this.tenants.get(name);
    assert.ok(tenant, name);
    return tenant;
  }

  /** @param {number} seconds */
  async pass(seconds) {
    this.now += seconds;
    await this.kv.setClock(this.now);
  }

  /** @param {Operation} operation */
  async do(operation) {
    await this.pass(operation.after);
    switch (operation.do) {
      case "mail":
        return void (await Promise.all(operation.mails.map((mail) => this.mail(mail))));
      case "kill":
        return this.kill(operation.mails);
      case "upgrade":
        return this.upgrade();
      case "fault":
        return this.fault(operation);
      case "rest":
        return this.rest(operation.seconds);
      case "quiet":
        return beQuiet(this);
      default:
        return change(this, operation);
    }
  }

  /** @param {Mail} mail @returns {import("./model.mjs").Message} */
  message(mail) {
    this.#serial += 1;
    const stamped = this.now - (mail.queued ? 2 * 3600 : 0) + (this.#serial % 20);
    const header = received({
      host: mail.server.replace("ex", "EX"),
      now: stamped,
      build: mail.build,
      address: `10.53.${mail.build.split(".").at(-1)}.1`,
      from: `mbx${this.#serial}.contoso.com`,
    });
    const to = [mail.toPostmaster ? "postmaster@example.org" : "b@example.org"];
    const envelope = { from: "a@contoso.com", to };
    const posted = event({
      tenant: mail.tenant,
      ...(mail.named ? { event_id: `message-${this.#serial}` } : {}),
      envelope,
      header,
    });
    return { event: posted, at: this.now, isCounted: false };
  }

  /** @param {Mail} mail */
  async mail(mail) {
    const { now } = this;
    const [tenant, ceilings] = [this.tenant(mail.tenant), this.ceilings];
    const server = tenant.server(mail.server);
    const isAgain = mail.again === true && server.last !== null;
    const message = isAgain ? /** @type {import("./model.mjs").Message} */ (server.last) : this.message(mail);
    server.last = message;
    /** @type {any} */
    let answer;
    try {
      const record = mail.sync ? "sync" : "async";
      answer = await this.clients[mail.edge].decide({ ...message.event, record }, { now, fresh: mail.fresh });
    } catch (error) {
      if (!this.isEnding) throw error;
    }
    this.sums.asked += 1;
    note(tenant, mail, { message, isAgain, now, answer });
    if (!answer) return undefined;
    if (answer.action !== "accept") this.sums.refused += 1;
    checkAnswer({ tenant, server, mail, event: message.event, answer, now, ceilings });
    return answer;
  }

  /**
   * What is collected leaves first, under the faults that batches alone meet: a ledger knows an isolate's numbers for a
   * day, and this clock runs fast.
   * @param {number} seconds
   */
  async rest(seconds) {
    await this.mend({ exceptOfBatches: true });
    await sent(this);
    await this.pass(seconds);
  }

  /** The runtime ends while it answers. @param {Mail[]} mails */
  async kill(mails) {
    this.isEnding = true;
    const answered = Promise.all(mails.map((mail) => this.mail(mail)));
    answered.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, this.random() * KILLED_WITHIN_MS));
    await this.edge.worker.kill();
    await answered;
    this.isEnding = false;
    await this.restart();
  }

  /** Another version has run meanwhile, that knows a member more everywhere. */
  async upgrade() {
    await this.edge.worker.stop();
    await rewrite(this.stateDir, this.kv, (document) => withMembersOfTheNext(document));
    await this.restart();
  }

  /** What was to be written down later is gone with the isolates. */
  async restart() {
    const lately = Date.now() - KV_SPACING_MS;
    const puts = (await this.kv.log()).filter(
      ({ kind, at }) => ["put", "delete"].includes(kind) && at > lately,
    );
    this.justTold += new Set(puts.flatMap(({ keys }) => keys)).size;
    for (const { servers } of this.tenants.values())
      for (const server of servers.values()) server.forgetLater();
    await this.start();
  }

  /** @param {Extract<Operation, { do: "fault" }>} fault */
  async fault({ of, mode, calls }) {
    if (of === "kv")
      await this.kv.setMode(/** @type {any} */ (mode), { kinds: ["put", "delete"], requests: calls });
    else if (of === "operator") await this.edge.worker.setOperatorMode(/** @type {any} */ (mode), { calls });
    else await this.edge.worker.setLedgerMode(/** @type {any} */ (mode), mode === "hold" ? {} : { calls });
    if (of === "ledger") this.ledgerMode = mode;
  }

  /** @param {{ exceptOfBatches?: boolean }} [what] */
  async mend({ exceptOfBatches = false } = {}) {
    if (!exceptOfBatches || !OF_BATCHES.has(this.ledgerMode)) {
      await this.edge.worker.setLedgerMode("ok");
      this.ledgerMode = "ok";
    }
    await this.edge.worker.setOperatorMode("ok");
    await this.kv.setMode("ok");
  }

  /** @param {string} invariant @param {boolean} holds @param {() => object} details */
  check(invariant, holds, details) {
    check(invariant, holds, () => ({ at: rfc3339(this.now), ...details() }));
  }
}
