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
type Keeper = (leave: () => void) => void;
let keeper: Keeper | null = null;

/** From now on leaving the route asks first; with null no more. */
export function keepHere(next: Keeper | null): void {
  keeper = next;
}

/** Does what makes the view go, once that may be. */
export function leaving(leave: () => void): void {
  if (keeper) keeper(leave);
  else leave();
}

export function usePlace(): Place {
  const [place, setPlace] = useState(() => parse(location.hash));
  const shown = useRef(place);
  useEffect(() => {
    const follow = () => {
      const next = parse(location.hash);
      const { route, query } = shown.current;
      if (keeper && href(next.route) !== href(route)) {
        // the address has changed already: back to what is shown, and from there one step to where it was to go
        history.pushState(null, "", href(route, query));
        keeper(() => history.back());
        return;
      }
      shown.current = next;
      setPlace(next);
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return place;
}

export function go(route: Route, query: Query = {}): void {
  location.hash = href(route, query);
}

/** Changes what the address remembers without a new entry in the history. Empty values are left out. */
export function remember(place: Place, changes: Query): void {
  const query = Object.fromEntries(
    Object.entries({ ...place.query, ...changes }).filter(([, value]) => value !== ""),
  );
  history.replaceState(null, "", href(place.route, query));
  dispatchEvent(new HashChangeEvent("hashchange"));
}
