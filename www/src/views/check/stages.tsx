/** What would become of a server's mail, and when, if it were detected today. */
import type { ScheduledStage } from "../../../../pkg/tidegate";
import type { Outcome } from "../../domain/words";
import { DAY } from "../../lib/time";
import { OutcomeMark } from "../../ui/marks";
import { Rate } from "../../ui/rate";
import { Time } from "../../ui/time";

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
