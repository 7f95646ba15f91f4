/** All that was found out about one server. */
import type { Release, ScannedServer } from "../../../../pkg/tidegate";
import { COMPONENTS, plural, reason } from "../../domain/words";
import { dateOnly } from "../../lib/time";
import { Evidence } from "../../ui/hostile";
import { Time } from "../../ui/time";
import { StageList } from "./stages";

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
