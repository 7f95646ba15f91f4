/** The page's frame: who is signed in, where one can go, and the view for where one is. */
import { useEffect, useRef, useState } from "preact/hooks";
import { type Me, SessionProvider, useDoor } from "./lib/auth";
import { href, leaving, type Place, type Route, remember, usePlace } from "./lib/router";
import { chooseTheme, storedTheme, type Theme } from "./lib/theme";
import { ZONE } from "./lib/time";
import { OperatorPage, TenantPage } from "./pages";
import { Empty, Failure, Loading } from "./ui/notice";
import { Part } from "./ui/part";
import { FleetView } from "./views/fleet/view";
import { SignInView } from "./views/sign-in/view";

export function App() {
  return (
    <SessionProvider>
      <Frame />
    </SessionProvider>
  );
}

function Frame() {
  const place = usePlace();
  const main = useRef<HTMLElement>(null);
  const at = href(place.route);
  const last = useRef(at);
  useEffect(() => {
    if (last.current === at) return;
    last.current = at;
    scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [at]);
  const { signIn } = useDoor();
  const isEntering = useRef(false);
  useEffect(() => {
    // the form that had the focus is gone
    if (signIn.state === "in" && isEntering.current) main.current?.focus({ preventScroll: true });
    if (signIn.state !== "looking") isEntering.current = signIn.state === "out";
  }, [signIn.state]);
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to content
      </button>
      <Head route={place.route} />
      <main id="main" ref={main} tabIndex={-1}>
        <View key={at} place={place} />
      </main>
      <Foot />
    </>
  );
}

function Head({ route }: { route: Route }) {
  const { signIn, leave } = useDoor();
  const me = signIn.state === "in" ? signIn.session.me : null;
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
          <button type="button" class="quiet" onClick={() => leaving(leave)}>
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
      return (
        <Part
          load={() => import("./views/check/view").then((part) => part.CheckView)}
          sheet="check.css"
          props={{ place }}
        />
      );
    case "what-if":
      return (
        <Part load={() => import("./views/what-if/view").then((part) => part.WhatIfView)} props={{ place }} />
      );
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
  const { signIn } = useDoor();
  switch (signIn.state) {
    case "looking":
      return <Loading what="what your key opens" />;
    case "out":
      return <SignInView refused={signIn.refused} />;
    case "unreachable":
      return <Failure error={signIn.error} retry={signIn.retry} />;
    case "in":
      break;
  }
  const { route } = place;
  const { tenant } = signIn.session.me;
  switch (route.view) {
    case "home":
      if (tenant === null) return <FleetView place={place} />;
      return <Onward to={{ ...place, route: { view: "tenant", tenant, tab: "report" } }} />;
    case "tenant":
      return <TenantPage place={place} tenant={route.tenant} tab={route.tab} />;
    case "server":
      return (
        <Part load={() => import("./views/server/view").then((part) => part.ServerView)} props={{ place }} />
      );
    case "operator":
      return <OperatorPage place={place} />;
    default:
      return null;
  }
}

/** Who can see one tenant alone starts there. */
function Onward({ to }: { to: Place }) {
  useEffect(() => remember(to, {}), []);
  return null;
}
