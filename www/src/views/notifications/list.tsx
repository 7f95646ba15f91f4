/** What the tenant was told, newest first, day by day. */
import { Fragment } from "preact";
import { useMemo } from "preact/hooks";
import { number, plural } from "../../domain/words";
import type { Notification } from "../../lib/api";
import { useSession } from "../../lib/auth";
import { value } from "../../lib/http";
import { usePages } from "../../lib/resource";
import { href, type TabProps, updateQuery } from "../../lib/router";
import { order } from "../../lib/sort";
import { weekdayOnly } from "../../lib/time";
import { Await, More } from "../../ui/await";
import { Select } from "../../ui/filters";
import { visible } from "../../ui/hostile";
import { Empty } from "../../ui/notice";
import { Time } from "../../ui/text";

type Kind = Notification["kind"];

const KINDS: Record<Kind, string> = {
  "server.detected": "Found out of date",
  "server.resumed": "Out of date again",
  "stage.in_7_days": "Stage begins in 7 days",
  "stage.in_1_day": "Stage begins in a day",
  "stage.changed": "Stage began",
  "server.patched": "Patched",
  "server.silent": "Silent for 60 days",
  "pause.ends_in_7_days": "Pause ends in 7 days",
  "pause.ends_in_1_day": "Pause ends in a day",
  "exemption.ends_in_7_days": "Exemption ends in 7 days",
  "exemption.ends_in_1_day": "Exemption ends in a day",
  "message.unreadable": "A field could not be read",
  "gateway.own_hops": "A gateway's own fields",
  "relay.unnamed": "A relay that is not named",
  "bound.servers": "No room for more servers",
  "bound.peer_servers": "Too many servers at an address",
  "bound.observations": "Decisions not recorded",
  "webhook.refused": "A webhook refused one",
  "webhook.off": "A webhook is gone",
};

/** How many are asked for at once: a screenful or two, or as many as there can be to find those of a kind. */
const [PAGE, SEARCHED] = [30, 1000];

export function NotificationList({ tenant, place }: TabProps) {
  const { api } = useSession();
  const kind = (Object.keys(KINDS) as Kind[]).find((name) => name === place.query.kind) ?? null;
  const news = usePages<Notification>(
    `notifications ${tenant} ${kind !== null}`,
    (query, signal) =>
      value(api.GET("/v1/tenants/{tenant}/notifications", { params: { path: { tenant }, query }, signal })),
    kind ? SEARCHED : PAGE,
  );
  const items = news.value?.items;
  const days = useMemo(
    () => byDay((items ?? []).filter((item) => !kind || item.kind === kind)),
    [items, kind],
  );
  return (
    <Await of={news} what="notifications">
      {({ items }) =>
        items.length === 0 ? (
          <Empty title="Nothing was told yet.">
            <p>
              Here stands whatever an administrator should know: a server that is found out of date, 7 days
              and a day before each stage, its beginning, a patch, before a pause or an exemption ends, and
              mail whose server cannot be told.
            </p>
          </Empty>
        ) : (
          <>
            <div class="filters">
              <Select
                label="Show"
                value={kind ?? ""}
                options={OPTIONS}
                onChoose={(chosen) => updateQuery(place, { kind: chosen })}
              />
            </div>
            <p class="muted" role="status">
              {summary(items, kind, news.more !== undefined)}
            </p>
            {days.map(({ day, list }) => (
              <section key={day} class="news-day" aria-label={day}>
                <h3>{day}</h3>
                <ol class="news">
                  {list.map((item) => (
                    <Item key={item.id} tenant={tenant} item={item} />
                  ))}
                </ol>
              </section>
            ))}
            <More of={news}>Show older ones</More>
          </>
        )
      }
    </Await>
  );
}

function Item({ tenant, item: { at, kind, server, text } }: { tenant: string; item: Notification }) {
  return (
    <li>
      <Time at={at} short="clock" />
      <div>
        <p class="news-head">
          <strong>{KINDS[kind] ?? kind}</strong>
          {server !== null && (
            <>
              {" "}
              <a href={href({ view: "server", tenant, server })}>{visible(server)}</a>
            </>
          )}
        </p>
        <p>{withTimes(visible(text))}</p>
      </div>
    </li>
  );
}

/** Its times are in UTC; the page shows the reader's. */
function withTimes(text: string) {
  return text.split(/(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC)/).map((part, index) => {
    const key = `${index}`;
    if (index % 2 === 0) return <Fragment key={key}>{part}</Fragment>;
    return <Time key={key} at={part.replace(" ", "T").replace(" UTC", "Z")} />;
  });
}

/** Newest first, by the days of the reader's zone. */
function byDay(items: Notification[]): { day: string; list: Notification[] }[] {
  const days: { day: string; list: Notification[] }[] = [];
  // the API's order is that of their writing
  for (const item of items.toSorted((one, other) => order(other.at, one.at))) {
    const day = weekdayOnly(item.at);
    const last = days.at(-1);
    if (last?.day === day) last.list.push(item);
    else days.push({ day, list: [item] });
  }
  return days;
}

const OPTIONS = [
  { value: "", name: "All kinds" },
  ...Object.entries(KINDS).map(([value, name]) => ({ value, name })),
];

function summary(items: Notification[], kind: Kind | null, more: boolean): string {
  const all = `${more ? "the latest " : ""}${plural(items.length, "notification")}`;
  if (kind === null) return more ? `The latest ${plural(items.length, "notification")}` : all;
  const count = items.filter((item) => item.kind === kind).length;
  return `${number(count)} of ${all}`;
}
