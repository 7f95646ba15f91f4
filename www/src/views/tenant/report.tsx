/** What becomes of a tenant's mail: the sentence that matters, the picture, the servers. */
import { useMemo } from "preact/hooks";
import type { Policy, Report, Transition } from "../../lib/api";
import { rights, useSession } from "../../lib/auth";
import { value } from "../../lib/http";
import { useResource } from "../../lib/resource";
import { href, type TabProps, updateQuery } from "../../lib/router";
import { dateOf, useNow } from "../../lib/time";
import { AsOf, Await, lazy } from "../../ui/await";
import { type Day, DayChart, DayTable } from "../../ui/chart/days";
import { StatusLine, useDialogs, type Words } from "../../ui/status";
import { DaysChoice, daysOf, fromTo, type Range, rangeOf } from "./days";
import { NothingYet } from "./empty";
import { Headline } from "./headline";
import { type Row, rowOf } from "./rows";
import { Servers } from "./servers";

export interface TenantReport {
  policy: Policy;
  /** The days it is about */
  range: Range;
  report: Overview;
  rows: Row[];
  /** All servers are there */
  complete: boolean;
}

/** The report without its servers. */
type Overview = Omit<Report, "servers" | "next">;

const PAGE = 1000;
/** Of more servers the rows are not asked for with every refresh, and the rest of the report by itself. */
const MANY = 100;
/** A report tells no more stage changes than so many. */
const MAX_CHANGES = 500;

/** Servers already shown of the same range stay until all of them are there anew. */
function useReport(tenant: string, range: Range) {
  const { api } = useSession();
  const { from, to } = range;
  const path = { tenant };
  const page = (signal: AbortSignal, limit: number, cursor: string | null) => {
    const query = { from, to, limit, ...(cursor !== null && { cursor }) };
    return value(api.GET("/v1/tenants/{tenant}/report", { params: { path, query }, signal }));
  };
  const whole = useResource<TenantReport>(
    `report ${tenant} ${from} ${to}`,
    async ({ signal, show, before }) => {
      const [policy, first] = await Promise.all([
        value(api.GET("/v1/tenants/{tenant}/policy", { params: { path }, signal })),
        page(signal, PAGE, null),
      ]);
      const { servers, next: _, ...report } = first;
      const rows = servers.map(rowOf);
      for (let { next } = first; next !== null; ) {
        show({ policy, range, report, rows: before?.rows ?? [...rows], complete: before !== undefined });
        const more = await page(signal, PAGE, next);
        rows.push(...more.servers.map(rowOf));
        next = more.next;
      }
      return { policy, range, report, rows, complete: true };
    },
    { keep: true, rows: ({ rows }) => rows.length },
  );
  const many = (whole.value?.rows.length ?? 0) > MANY;
  const newer = useResource<Overview | null>(
    `overview ${many} ${tenant} ${from} ${to}`,
    async ({ signal }) => (many ? page(signal, 1, null) : null),
  );
  return { whole, overview: newer.value ?? whole.value?.report };
}

export function ReportTab({ tenant, place }: TabProps) {
  const today = dateOf(useNow());
  const range = rangeOf(place.query, today);
  const { me } = useSession();
  const { whole, overview } = useReport(tenant, range);
  const days = useMemo(() => (overview ? toDays(overview) : []), [overview]);
  return (
    <Await of={whole} what="the report">
      {(loaded) => {
        const { rows, policy, complete } = loaded;
        const report = overview ?? loaded.report;
        if (rows.length === 0) return <NothingYet tenant={tenant} />;
        const eventsName = report.transitions.length < MAX_CHANGES ? "Stage changes" : "Newest stage changes";
        return (
          <>
            <div class="title-row headline-row">
              <Headline tenant={tenant} loaded={{ ...loaded, report }} />
              <div class="actions">
                <AsOf of={whole} />
                {rights(me).operate && report.mode === "enforce" && (
                  <PauseButton
                    tenant={tenant}
                    paused={report.paused_until !== null}
                    onPaused={whole.reload}
                  />
                )}
              </div>
            </div>
            <section class="part" aria-labelledby="mail">
              <div class="title-row">
                <h2 id="mail">Mail by day (UTC)</h2>
                <DaysChoice place={place} range={range} today={today} />
              </div>
              <DayChart
                days={days}
                today={today}
                totals={report.totals}
                eventsName={eventsName}
                onRange={(from, to) => updateQuery(place, fromTo(from, to))}
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
      }}
    </Await>
  );
}

const NONE = { accept: 0, defer: 0, reject: 0, would_defer: 0, would_reject: 0 };

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

/** What happened to a server. */
function eventWords({ server, kind, before, after }: Transition): string {
  switch (kind) {
    case "detected":
      return `${server} found out of date`;
    case "resumed":
      return `${server} out of date again`;
    case "stage":
      return `${server} from stage ${before} to ${after}`;
    case "patched":
      return `${server} patched`;
    case "silent":
      return `${server} silent for 60 days`;
  }
}

interface PauseProps {
  tenant: string;
  paused: boolean;
  onPaused: () => void;
}

const PauseDialog = lazy(() => import("../../ui/pause-dialog").then((part) => part.PauseDialog));

/** The way to a pause, for who may: begins one, or leads to the one that is running. */
function PauseButton({ tenant, paused, onPaused }: PauseProps) {
  const { open, setOpen, words, close, done } = useDialogs<true>(onPaused);
  // the button gives way to a link
  const onDone = (words: Words) => done({ ...words, focus: true });
  return (
    <div class="pause-button">
      {paused ? (
        <a class="button" href={href({ view: "tenant", tenant, tab: "pauses" })}>
          Change or end the pause
        </a>
      ) : (
        <button type="button" onClick={() => setOpen(true)}>
          Pause enforcement
        </button>
      )}
      <StatusLine words={words} />
      {open && <PauseDialog tenant={tenant} onClose={close} onDone={onDone} />}
    </div>
  );
}
