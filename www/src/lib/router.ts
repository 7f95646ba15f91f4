/** Where the reader is: the part of the address behind `#`, so that any server of static files will do. */
import { useEffect, useRef, useState } from "preact/hooks";

/** What a tenant's page shows. */
export const TENANT_TABS = ["report", "pauses", "policy", "keys", "notifications", "audit"] as const;
export type TenantTab = (typeof TENANT_TABS)[number];

export type Route =
  | { view: "home" }
  | { view: "tenant"; tenant: string; tab: TenantTab }
  | { view: "server"; tenant: string; server: string }
  | { view: "operator" }
  | { view: "check" }
  | { view: "what-if" }
  | { view: "lost" };

/** What a view remembers in the address, such as filters and ranges, so that it can be linked to. */
export type Query = Record<string, string>;

export interface Place {
  route: Route;
  query: Query;
}

/** What a view is shown with. */
export interface ViewProps {
  place: Place;
}

/** What a part of a tenant's page is shown with. */
export interface TabProps extends ViewProps {
  tenant: string;
}

export function parse(hash: string): Place {
  const [path = "", search = ""] = hash.replace(/^#/, "").split("?", 2);
  return { route: routeOf(path), query: Object.fromEntries(new URLSearchParams(search)) };
}

function routeOf(path: string): Route {
  const [first, tenant, third, server, ...more] = path.split("/").filter(Boolean).map(decode);
  if (more.length > 0) return { view: "lost" };
  switch (first) {
    case undefined:
      return { view: "home" };
    case "operator":
    case "check":
    case "what-if":
      return tenant === undefined ? { view: first } : { view: "lost" };
    case "tenants": {
      if (tenant === undefined) return { view: "home" };
      if (third === "servers" && server) return { view: "server", tenant, server };
      const tab = TENANT_TABS.find((name) => name === (third ?? "report"));
      return tab && server === undefined ? { view: "tenant", tenant, tab } : { view: "lost" };
    }
    default:
      return { view: "lost" };
  }
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** The address of a route, for links. */
export function href(route: Route, query: Query = {}): string {
  const search = new URLSearchParams(query).toString();
  return `#${pathOf(route)}${search && `?${search}`}`;
}

function pathOf(route: Route): string {
  switch (route.view) {
    case "home":
    case "lost":
      return "/";
    case "tenant": {
      const tab = route.tab === "report" ? "" : `/${route.tab}`;
      return `/tenants/${encodeURIComponent(route.tenant)}${tab}`;
    }
    case "server":
      return `/tenants/${encodeURIComponent(route.tenant)}/servers/${encodeURIComponent(route.server)}`;
    default:
      return `/${route.view}`;
  }
}

/** Asks the reader, who would lose something by leaving; `leave` goes on. */
type Guard = (leave: () => void) => void;
let guard: Guard | null = null;

/** From now on leaving the route asks first; with null no more. */
export function guardLeaving(next: Guard | null): void {
  guard = next;
}

/** Does what makes the view go, once that may be. */
export function tryLeaving(leave: () => void): void {
  if (guard) guard(leave);
  else leave();
}

/** How far each entry of the history was scrolled when it was left, by the number that it carries. */
const scrolled = new Map<number, number>();
let entries = 0;

function entryNumber(): number | undefined {
  return (history.state as { entry?: number } | null)?.entry;
}

/** Numbers the entry; how far one that was there before had been scrolled. */
function arrive(): number {
  const known = entryNumber();
  if (known !== undefined) return scrolled.get(known) ?? 0;
  entries += 1;
  history.replaceState({ entry: entries }, "");
  return 0;
}

/** Where the reader is, and how far down that is to be shown: after going back as far as it was. */
export function usePlace(): { place: Place; scroll: number } {
  const [shown, setShown] = useState(() => ({ place: parse(location.hash), scroll: arrive() }));
  const current = useRef({ ...shown.place, entry: entryNumber() ?? 0 });
  useEffect(() => {
    history.scrollRestoration = "manual";
    const follow = () => {
      const next = parse(location.hash);
      const { route, query, entry } = current.current;
      const moves = href(next.route) !== href(route);
      if (guard && moves) {
        // the address has changed already: back to what is shown, and from there one step to where it was to go
        history.pushState({ entry }, "", href(route, query));
        guard(() => history.back());
        return;
      }
      if (entryNumber() !== entry) scrolled.set(entry, scrollY);
      const scroll = arrive();
      current.current = { ...next, entry: entryNumber() ?? 0 };
      setShown((before) => ({ place: next, scroll: moves ? scroll : before.scroll }));
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return shown;
}

export function go(route: Route, query: Query = {}): void {
  location.hash = href(route, query);
}

/** Changes what the address remembers without a new entry in the history. Empty values are left out. */
export function updateQuery(place: Place, changes: Query): void {
  const query = Object.fromEntries(
    Object.entries({ ...place.query, ...changes }).filter(([, value]) => value !== ""),
  );
  history.replaceState(history.state, "", href(place.route, query));
  dispatchEvent(new HashChangeEvent("hashchange"));
}
