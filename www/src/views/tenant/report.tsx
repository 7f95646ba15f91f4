/** What becomes of a tenant's mail: the sentence that matters, the picture, the servers. */
import { useMemo, useRef } from "preact/hooks";
import { rights, useSession } from "../../lib/auth";
import { useFresh } from "../../lib/resource";
import type { TabProps } from "../../lib/router";
import { remember } from "../../lib/router";
import { dateOf, useNow } from "../../lib/time";
import { type Day, DayChart, DayTable } from "../../ui/chart/days";
import { Failure, Loading } from "../../ui/notice";
import { DaysChoice } from "./days";
import { NothingYet } from "./empty";
import { eventWords } from "./events";
import { Headline } from "./headline";
import { type Overview, useTenantReport } from "./load";
import { PauseButton } from "./pause-button";
import { daysOf, fromTo, rangeOf } from "./range";
import { Servers } from "./servers";

/** A report tells no more stage changes than so many. */
const MAX_CHANGES = 500;

export function ReportTab({ tenant, place }: TabProps) {
  const today = dateOf(useNow());
  const range = rangeOf(place.query, today);
  const loaded = useTenantReport(tenant, range);
  useFresh(loaded);
  const { me } = useSession();
  const { value, loading, reload } = loaded;
  // an error stays until it is known whether it is over
  const error = useRef<unknown>(undefined);
  if (!loading) error.current = loaded.error;
  const report = value?.report;
  const days = useMemo(() => (report ? toDays(report) : []), [report]);
  if (value === undefined || report === undefined) {
    return loaded.error === undefined ? (
      <Loading what="the report" />
    ) : (
      <Failure error={loaded.error} retry={reload} />
    );
  }
  const { rows, policy, complete } = value;
  const eventsName = report.transitions.length < MAX_CHANGES ? "Stage changes" : "Newest stage changes";
  if (rows.length === 0) return <NothingYet tenant={tenant} />;
  return (
    <>
      {error.current !== undefined && (
        <>
          <Failure error={error.current} retry={reload} />
          <p class="muted">This is what was loaded last:</p>
        </>
      )}
      <div class="title-row headline-row">
        <Headline tenant={tenant} loaded={value} />
        {rights(me).operate && report.mode === "enforce" && (
          <PauseButton tenant={tenant} paused={report.paused_until !== null} onPaused={reload} />
        )}
      </div>
      <section class="part" aria-labelledby="mail">
        <div class="title-row">
          <h2 id="mail">Mail by day</h2>
          <DaysChoice place={place} range={range} today={today} />
        </div>
        <DayChart
          days={days}
          today={today}
          totals={report.totals}
          eventsName={eventsName}
          onRange={(from, to) => remember(place, fromTo(from, to))}
        />
        <DayTable days={days} totals={report.totals} eventsName={eventsName} />
      </section>
      <Servers
        tenant={tenant}
        place={place}
        range={range}
        rows={rows}
        complete={complete}
        stages={policy.ladder.length}
      />
    </>
  );
}

/** Every day of the report, also those without mail. */
function toDays({ from, to, series, transitions }: Overview): Day[] {
  const counts = new Map(series.map(({ at, ...counts }) => [at.slice(0, 10), counts]));
  const events = new Map<string, string[]>();
  for (const transition of transitions) {
    const date = transition.at.slice(0, 10);
    events.set(date, [...(events.get(date) ?? []), eventWords(transition)]);
  }
  return daysOf({ from, to }).map((date) => ({
    date,
    counts: counts.get(date) ?? NONE,
    events: events.get(date) ?? [],
  }));
}

const NONE = { accept: 0, defer: 0, reject: 0, would_defer: 0, would_reject: 0 };
