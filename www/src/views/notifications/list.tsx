/** What the tenant was told, newest first, day by day. */
import { Fragment } from "preact";
import { useMemo } from "preact/hooks";
import { number, plural } from "../../domain/words";
import type { Notification } from "../../lib/api";
import { useSession } from "../../lib/auth";
import { path } from "../../lib/http";
import { usePages } from "../../lib/resource";
import { href, type Place, remember } from "../../lib/router";
import { order } from "../../lib/sort";
import { weekdayOnly } from "../../lib/time";
import { Select } from "../../ui/filters";
import { visible } from "../../ui/hostile";
import { Empty, Failure, Loading } from "../../ui/notice";
import { Older } from "../../ui/older";
import { Time } from "../../ui/time";
import { KINDS, type Kind, kindOf } from "./words";

interface Props {
  tenant: string;
  place: Place;
}

/** How many are asked for at once: a screenful or two, or as many as there can be to find those of a kind. */
const [PAGE, SEARCHED] = [30, 1000];

export function NotificationList({ tenant, place }: Props) {
  const { api } = useSession();
  const kind = kindOf(place.query.kind);
  const { items, error, loading, more, reload } = usePages<Notification>(
    api,
    path`/v1/tenants/${tenant}/notifications`,
    kind ? SEARCHED : PAGE,
  );
  const choose = (chosen: string) => remember(place, { kind: chosen });
  const days = useMemo(
    () => byDay((items ?? []).filter((item) => !kind || item.kind === kind)),
    [items, kind],
  );
  if (items === undefined) {
    return error === undefined ? <Loading what="notifications" /> : <Failure error={error} retry={reload} />;
  }
  if (items.length === 0) {
    return (
      <Empty title="Nothing was told yet.">
        <p>
          Here stands whatever an administrator should know: a server that is found out of date, 7 days and a
          day before each stage, its beginning, a patch, before a pause or an exemption ends, and mail whose
          server cannot be told.
        </p>
      </Empty>
    );
  }
  return (
    <>
      <div class="filters">
        <Select label="Show" value={kind ?? ""} options={OPTIONS} onChoose={choose} />
      </div>
      <p class="muted" role="status">
        {summary(items, kind, more !== undefined)}
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
      <Older error={error} loading={loading} more={more} reload={reload} />
    </>
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
