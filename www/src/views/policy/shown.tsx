/** A policy to read. */
import { CONNECTORS } from "../../domain/connectors";
import { MODES, plural } from "../../domain/words";
import type { Catalog, Policy } from "../../lib/api";
import { day, exactDuration } from "../../lib/time";
import { Editions } from "../../ui/editions";
import { Rate } from "../../ui/marks";
import { type Column, Table } from "../../ui/table";
import { Fact } from "../../ui/text";
import { RIGHTS } from "./admin";
import { BaselineShown } from "./baseline";
import { toDraft } from "./draft";
import { sampleReply } from "./sample";
import type { PolicyPage } from "./view";
import { byDefault } from "./waves";

export function PolicyShown({ page: { stored, catalog } }: { page: PolicyPage }) {
  const { policy } = stored;
  const { baseline } = policy;
  const draft = toDraft(policy);
  return (
    <div class="policy">
      <h2>What happens to mail</h2>
      <dl class="facts">
        <Fact name="Mode">
          <b>{MODES[policy.mode].name}</b>: {MODES[policy.mode].meaning}
        </Fact>
        <Fact name="Scope">
          {policy.scope.length > 0
            ? `mail by connectors that are ${policy.scope.map((connector) => CONNECTORS[connector]).join(" or ")}`
            : "no connector: mail is only reported"}
        </Fact>
        <Fact name="Always accepted">
          {policy.always_accept.length > 0
            ? `mail to ${policy.always_accept.join(" and ")} alone`
            : "nothing"}
        </Fact>
      </dl>
      <h2>What is required</h2>
      {typeof baseline === "string" ? (
        <>
          <p>
            Baseline <b>{baseline}</b>
          </p>
          <BaselineShown name={baseline} catalog={catalog} />
        </>
      ) : (
        <>
          <p>This tenant's own baseline, {baseline.name}:</p>
          <Editions baseline={baseline} catalog={catalog} />
        </>
      )}
      <h3>From when on a product is enforced</h3>
      <Waves policy={policy} products={catalog.products} />
      <h2>The ladder</h2>
      <Table
        caption="The ladder"
        columns={STAGES}
        rows={stagesOf(policy)}
        rowKey={({ number }) => String(number)}
      />
      <h2>Replies</h2>
      <p class="muted">As a server in such a stage reads them:</p>
      <p class="sample">
        <code>{sampleReply(draft, "defer")}</code>
      </p>
      <p class="sample">
        <code>{sampleReply(draft, "reject")}</code>
      </p>
      <h2>Trusted relays</h2>
      {policy.trusted_relays.length === 0 && <p>None.</p>}
      <ul class="plain">
        {policy.trusted_relays.map(({ host, networks }) => (
          <li key={`${host} ${networks}`}>
            <code>{host}</code> from <code>{networks.join(", ") || "nowhere"}</code>
          </li>
        ))}
      </ul>
      {policy.trusted_relays.length > 0 && (
        <p>Mail behind them is {policy.enforce_behind_relays ? "enforced as well" : "only reported"}.</p>
      )}
      <h2>What the tenant's own operators may do</h2>
      <p>
        Pause enforcement for {plural(policy.pause_days_per_year, "day")} a year
        {RIGHTS.filter(({ value }) => policy.delegated.includes(value)).map(
          ({ name }) => `, ${name.toLowerCase()}`,
        )}
        .
      </p>
    </div>
  );
}

function Waves({ policy, products }: { policy: Policy; products: Catalog["products"] }) {
  const shown = products.filter(({ name, wave, cumulative_updates }) => {
    return wave || cumulative_updates || name in policy.waves;
  });
  return (
    <dl class="facts">
      {shown.reverse().map((product) => (
        <Fact key={product.name} name={product.name}>
          {inWords(policy.waves[product.name]) ?? byDefault(product)}
        </Fact>
      ))}
    </dl>
  );
}

function inWords(wave: string | null | undefined): string | undefined {
  return wave ? `from ${day(wave)}` : wave === null ? "never" : undefined;
}

interface Stage {
  number: number;
  starts: string;
  lasts: string;
  minutes: { throttle_minutes: number; block_minutes: number };
}

const DAY_MINUTES = 24 * 60;

function stagesOf({ ladder }: Policy): Stage[] {
  let start = 0;
  return ladder.map(({ days, minutes, ...closed }, index) => {
    const length = days === undefined ? minutes : days * DAY_MINUTES;
    const stage = {
      number: index + 1,
      starts: start === 0 ? "at once" : `after ${exactDuration(start * 60_000)}`,
      lasts: length === undefined ? "for good" : exactDuration(length * 60_000),
      minutes: closed,
    };
    start += length ?? 0;
    return stage;
  });
}

const STAGES: Column<Stage>[] = [
  { id: "stage", label: "Stage", head: true, cell: ({ number }) => `Stage ${number}` },
  { id: "starts", label: "Begins", cell: ({ starts }) => starts },
  { id: "lasts", label: "Lasts", cell: ({ lasts }) => lasts },
  { id: "rate", label: "Its mail", cell: ({ minutes }) => <Rate minutes={minutes} /> },
];
