/** Who is reading: the API key, kept for this tab alone, and what it may do. */
import { type ComponentChildren, createContext } from "preact";
import { useContext, useEffect, useMemo, useState } from "preact/hooks";
import type { Me, Policy, Role } from "./api";
import { type Api, ApiError, connect, value } from "./http";
import { forgetAll } from "./resource";
import { readStored, store } from "./storage";

export interface Session {
  api: Api;
  me: Me;
}

/** Before the key is looked at, without one, with one that is refused, with one that cannot be verified now, signed in. */
export type State =
  | { state: "looking" }
  | { state: "out"; refused?: string }
  | { state: "unreachable"; error: unknown; retry: () => void }
  | { state: "in"; session: Session };

interface Auth {
  auth: State;
  signIn: (key: string) => void;
  signOut: () => void;
}

const [TAB, NAME] = ["sessionStorage", "tidegate.key"] as const;
const Current = createContext<Auth | null>(null);
/** What keys are made of; what else is pasted with one cannot be sent. */
const KEY = /^[!-~]+$/;
const STRAY =
  "This has characters in it that no key has, which may be invisible. Copy the key alone, and paste it anew.";

const USELESS: Partial<Record<Role, string>> = {
  gateway: "This is a gateway's key: it asks for decisions and reads nothing.",
  metrics: "This key reads the counters alone.",
};

export function AuthProvider({ children }: { children: ComponentChildren }) {
  const [key, setKey] = useState(() => readStored(TAB, NAME));
  const [auth, setAuth] = useState<State>({ state: key === null ? "out" : "looking" });
  const [round, setRound] = useState(0);
  const end = (refused?: string) => {
    store(TAB, NAME, null);
    forgetAll();
    setKey(null);
    setAuth({ state: "out", ...(refused && { refused }) });
  };
  useEffect(() => {
    if (key === null) return;
    if (!KEY.test(key)) return end(STRAY);
    const abort = new AbortController();
    const { signal } = abort;
    const api = connect(key);
    setAuth({ state: "looking" });
    value(api.GET("/v1/me", { signal })).then(
      (me) => {
        if (signal.aborted) return;
        const useless = USELESS[me.role];
        if (useless) return end(useless);
        store(TAB, NAME, key);
        setAuth({ state: "in", session: { api, me } });
      },
      (error) => {
        if (signal.aborted) return;
        if (error instanceof ApiError && error.status === 401)
          return end("This key is not known, or was revoked.");
        setAuth({ state: "unreachable", error, retry: () => setRound((before) => before + 1) });
      },
    );
    return () => abort.abort();
  }, [key, round]);
  const current = useMemo<Auth>(
    () => ({
      auth,
      signIn: (entered) => {
        setKey(entered);
        setRound((before) => before + 1);
      },
      signOut: () => end(),
    }),
    [auth],
  );
  return <Current.Provider value={current}>{children}</Current.Provider>;
}

export function useAuth(): Auth {
  const current = useContext(Current);
  if (!current) throw new Error("outside of AuthProvider");
  return current;
}

/** For views that are shown to who is signed in. */
export function useSession(): Session {
  const { auth } = useAuth();
  if (auth.state !== "in") throw new Error("not signed in");
  return auth.session;
}

/** What a key may change; the API holds to the same rules. `policy` is the tenant's, where one is concerned. */
export function rights({ role, tenant }: Me, policy?: Policy) {
  const operates = role === "operator" || role === "admin";
  const bound = tenant !== null;
  const delegated = (right: "exempt" | "policy") => !bound || (policy?.delegated.includes(right) ?? false);
  return {
    all: !bound,
    admin: role === "admin",
    /** Pauses, webhooks, and keys of the tenant */
    operate: operates,
    exempt: operates && delegated("exempt"),
    policy: operates && delegated("policy"),
    /** Make a server be forgotten, which would spare it */
    forget: operates && !bound,
  };
}

/** Whether keys of a role are this one's to make and revoke: gateways' keys are an admin's. */
export function handsOut(me: Me, role: Role): boolean {
  return rights(me).admin || role === "viewer" || role === "operator";
}
