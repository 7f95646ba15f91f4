/** What becomes of a tenant's mail: the sentence that matters, the picture, the servers. */
import { useMemo } from "preact/hooks";
import { useFresh } from "../api/load";
import { remember } from "../route";
import { dateOf, useNow } from "../time";
import { type Day, DayChart } from "../ui/day-chart";
import { Failure, Loading } from "../ui/notice";
import { DaysChoice } from "./days";
import { NothingYet } from "./empty";
import { eventWords } from "./events";
import { Headline } from "./headline";
import { type Overview, useTenantReport } from "./load";
import { daysOf, fromTo, rangeOf } from "./range";
import { Servers } from "./servers";
import type { TabProps } from "./view";

export function ReportTab({ tenant, place }: TabProps) {
  const today = dateOf(useNow());
  const range = rangeOf(place.query, today);
  const loaded = useTenantReport(tenant, range);
  useFresh(loaded);
  const { value, error, reload } = loaded;
  const report = value?.report;
  const days = useMemo(() => (report ? toDays(report) : []), [report]);
  if (value === undefined || report === undefined) {
    return error === undefined ? <Loading what="the report" /> : <Failure error={error} retry={reload} />;
  }
  const { rows, policy, complete } = value;
  if (rows.length === 0) return <NothingYet tenant={tenant} />;
  return (
    <>
      {error !== undefined && <Failure error={error} retry={reload} />}
      <Headline tenant={tenant} loaded={value} />
      <section class="part" aria-labelledby="mail">
        <div class="title-row">
          <h2 id="mail">Mail by day</h2>
          <DaysChoice place={place} range={range} today={today} />
        </div>
        <DayChart
          days={days}
          today={today}
          totals={report.totals}
          eventsName="Stage changes"
          onRange={(from, to) => remember(place, fromTo(from, to))}
        />
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
