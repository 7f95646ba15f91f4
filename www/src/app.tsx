/** The page's frame: who is signed in, where one can go, and the view for where one is. */

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Me } from "./lib/api";
import { AuthProvider, useAuth } from "./lib/auth";
import { href, type Place, type Route, tryLeaving, updateQuery, usePlace } from "./lib/router";
import { chooseTheme, storedTheme, type Theme } from "./lib/storage";
import { ZONE } from "./lib/time";
import { OperatorPage, TenantPage } from "./pages";
import { Boundary, lazy } from "./ui/await";
import { Empty, Failure, Loading } from "./ui/notice";
import { FleetView } from "./views/fleet/view";
import { SignInView } from "./views/sign-in/view";

const CheckView = lazy(() => import("./views/check/view").then((view) => view.CheckView), "check.css");
const WhatIfView = lazy(() => import("./views/what-if/view").then((view) => view.WhatIfView));
const ServerView = lazy(() => import("./views/server/view").then((view) => view.ServerView));

export function App() {
  return (
    <AuthProvider>
      <Frame />
    </AuthProvider>
  );
}

function Frame() {
  const { place, scroll } = usePlace();
  const main = useRef<HTMLElement>(null);
  const at = href(place.route);
  const last = useRef(at);
  useLayoutEffect(() => {
    if (last.current === at) return;
    last.current = at;
    main.current?.focus({ preventScroll: true });
    scrollTo(0, scroll);
  }, [at]);
  const { auth } = useAuth();
  const isEntering = useRef(false);
  useEffect(() => {
    // the form that had the focus is gone
    if (auth.state === "in" && isEntering.current) main.current?.focus({ preventScroll: true });
    if (auth.state !== "looking") isEntering.current = auth.state === "out";
  }, [auth.state]);
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to content
      </button>
      <Head route={place.route} />
      <main id="main" ref={main} tabIndex={-1}>
        <Boundary key={at}>
          <View place={place} />
        </Boundary>
      </main>
      <Foot />
    </>
  );
}

function Head({ route }: { route: Route }) {
  const { auth, signOut } = useAuth();
  const me = auth.state === "in" ? auth.session.me : null;
  const here = (view: Route["view"]) => (route.view === view ? "page" : undefined);
  return (
    <header class="head">
      <a class="brand" href={href({ view: "home" })}>
        <img src="favicon.svg" alt="" width="24" height="24" /> Tidegate
      </a>
      <nav class="nav" aria-label="Main">
        {me && me.tenant === null && (
          <a href={href({ view: "home" })} aria-current={here("home")}>
            Tenants
          </a>
        )}
        {me && me.tenant !== null && (
          <a
            href={href({ view: "tenant", tenant: me.tenant, tab: "report" })}
            aria-current={here("tenant") ?? here("server")}
          >
            {me.tenant}
          </a>
        )}
        {me && me.tenant === null && (
          <a href={href({ view: "operator" })} aria-current={here("operator")}>
            Operator
          </a>
        )}
        <a href={href({ view: "check" })} aria-current={here("check")}>
          Check a header
        </a>
        <a href={href({ view: "what-if" })} aria-current={here("what-if")}>
          What if
        </a>
      </nav>
      {me ? (
        <p class="who">
          <span title="The key that you are signed in with">{nameOf(me)}</span>
          <button type="button" class="quiet" onClick={() => tryLeaving(signOut)}>
            Sign out
          </button>
        </p>
      ) : (
        route.view !== "home" && (
          <p class="who">
            <a href={href({ view: "home" })}>Sign in</a>
          </p>
        )
      )}
    </header>
  );
}

function nameOf({ name, role }: Me): string {
  return name ? `${name} (${role})` : role;
}

function Foot() {
  const [theme, setTheme] = useState<Theme>(storedTheme);
  const choose = (chosen: Theme) => {
    chooseTheme(chosen);
    setTheme(chosen);
  };
  return (
    <footer class="foot">
      <p>Times are in your zone, {ZONE}; point at one for UTC.</p>
      <p>
        <label>
          Colours{" "}
          <select value={theme} onChange={(event) => choose(event.currentTarget.value as Theme)}>
            <option value="system">as the system</option>
            <option value="light">light</option>
            <option value="dark">dark</option>
          </select>
        </label>{" "}
        <a href="openapi.json">API</a>
      </p>
    </footer>
  );
}

function View({ place }: { place: Place }) {
  const { route } = place;
  switch (route.view) {
    case "check":
      return <CheckView place={place} />;
    case "what-if":
      return <WhatIfView place={place} />;
    case "lost":
      return (
        <Empty title="There is no such page.">
          <p>
            <a href={href({ view: "home" })}>Go to the start</a>
          </p>
        </Empty>
      );
    default:
      return <Private place={place} />;
  }
}

/** Views of what a key opens. */
function Private({ place }: { place: Place }) {
  const { auth } = useAuth();
  switch (auth.state) {
    case "looking":
      return <Loading what="what your key opens" />;
    case "out":
      return <SignInView refused={auth.refused} />;
    case "unreachable":
      return <Failure error={auth.error} retry={auth.retry} otherKey />;
    case "in":
      break;
  }
  const { route } = place;
  const { tenant } = auth.session.me;
  switch (route.view) {
    case "home":
      if (tenant === null) return <FleetView place={place} />;
      return <Onward to={{ ...place, route: { view: "tenant", tenant, tab: "report" } }} />;
    case "tenant":
      return <TenantPage place={place} tenant={route.tenant} tab={route.tab} />;
    case "server":
      return <ServerView place={place} tenant={route.tenant} server={route.server} />;
    case "operator":
      return <OperatorPage place={place} />;
    default:
      return null;
  }
}

/** Who can see one tenant alone starts there. */
function Onward({ to }: { to: Place }) {
  useEffect(() => updateQuery(to, {}), []);
  return null;
}
