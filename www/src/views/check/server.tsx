/** All that was found out about one server. */
import type { Release, ScannedServer, ScheduledStage } from "../../../../pkg/tidegate";
import { COMPONENTS, type Outcome, plural, reason } from "../../domain/words";
import { DAY, dateOnly } from "../../lib/time";
import { Evidence } from "../../ui/hostile";
import { OutcomeMark, Rate } from "../../ui/marks";
import { Time } from "../../ui/text";

export function ServerDetail({ server }: { server: ScannedServer }) {
  const { addresses, builds, stages, evidence } = server;
  return (
    <div class="check-detail">
      {stages.length > 0 && (
        <div>
          <h3>Stages, if it were detected today</h3>
          <StageList stages={stages} />
        </div>
      )}
      <div>
        <h3>Its latest Received field</h3>
        <Evidence {...evidence} />
        {addresses.length > 0 && (
          <p>
            {addresses.length === 1 ? "Its address" : `${addresses.length} machines have its name`}:{" "}
            {addresses.join(", ")}
          </p>
        )}
        {builds.length > 1 && <Builds builds={builds} />}
      </div>
    </div>
  );
}

/** Whether it is the server that enforcement would look at. */
export function position({ connecting, messages }: ScannedServer): string {
  if (connecting === 0) return "stood behind another server";
  if (connecting === messages) return "handed the mail over";
  return `handed over ${plural(connecting, "message")}`;
}

/** `Exchange Server 2016 CU23 Apr24HU` */
export function release({ product, cu, su }: Release): string {
  return product === null ? "unknown product" : [product, cu, su].filter(Boolean).join(" ");
}

function Builds({ builds }: Pick<ScannedServer, "builds">) {
  return (
    <>
      <h3>Builds seen</h3>
      <ul class="plain check-builds">
        {builds.map((seen) => (
          <li key={`${seen.build} ${seen.component}`}>
            <b>{seen.build ?? "No build"}</b> by {COMPONENTS[seen.component]}: {release(seen)},{" "}
            {reason(seen.standing)}
            <br />
            <span class="muted">
              {plural(seen.messages, "message")}, <Span {...seen} />
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}

/** From when to when something was seen. */
export function Span({ first, last }: Pick<ScannedServer, "first" | "last">) {
  if (first === null || last === null) return <>undated</>;
  return (
    <>
      <Time at={first} short="date" />
      {dateOnly(first) !== dateOnly(last) && (
        <>
          {" "}
          <span class="whole">
            to <Time at={last} short="date" />
          </span>
        </>
      )}
    </>
  );
}

/** The moments that matter. */
export function Effects({ stages }: { stages: ScheduledStage[] }) {
  if (stages.length === 0) return null;
  const moments: [Outcome, string, ScheduledStage | undefined][] = [
    ["would_defer", "Some deferred", stages.find((stage) => stage.throttle_minutes > 0)],
    ["would_reject", "Some rejected", stages.find((stage) => stage.block_minutes > 0)],
    ["would_reject", "All rejected", stages.find((stage) => stage.block_minutes === 60)],
  ];
  return (
    <ul class="check-effects">
      {moments.map(
        ([outcome, label, stage]) =>
          stage && (
            <li key={label}>
              <OutcomeMark outcome={outcome} label={label} /> <From stage={stage} />
            </li>
          ),
      )}
    </ul>
  );
}

/** All stages, in order. */
export function StageList({ stages }: { stages: ScheduledStage[] }) {
  const start = stages[0]?.from ?? null;
  return (
    <ol class="check-stages">
      {stages.map((stage) => (
        <li key={stage.number}>
          <span>Stage {stage.number}</span>
          <From stage={stage} />
          <span class="muted">{day(start, stage.from)}</span>
          <Rate minutes={stage} would />
        </li>
      ))}
    </ol>
  );
}

function From({ stage: { from } }: { stage: ScheduledStage }) {
  // the product is not enforced, as far as is known
  return from === null ? <span>not foreseen</span> : <Time at={from} short="date" />;
}

/** `day 30` of the way up */
function day(start: string | null, from: string | null): string {
  if (start === null || from === null) return "";
  return `day ${Math.round((Date.parse(from) - Date.parse(start)) / DAY)}`;
}
