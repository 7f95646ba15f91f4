/** Who is reading: the API key, kept for this tab alone, and what it may do. */
import { type ComponentChildren, createContext } from "preact";
import { useContext, useEffect, useMemo, useState } from "preact/hooks";
import type { Policy, Role } from "./api";
import { Api, ApiError } from "./http";
import { keep, recall } from "./storage";

/** Whose key it is, as `GET /v1/me` says. */
export interface Me {
  id: string | null;
  role: Role;
  tenant: string | null;
  name: string | null;
}

export interface Session {
  api: Api;
  me: Me;
}

/** Before the key is looked at, without one, with one that is refused, with one that cannot be verified now, signed in. */
export type SignIn =
  | { state: "looking" }
  | { state: "out"; refused?: string }
  | { state: "unreachable"; error: unknown; retry: () => void }
  | { state: "in"; session: Session };

interface Door {
  signIn: SignIn;
  enter: (key: string) => void;
  leave: () => void;
}

const TAB = "sessionStorage";
const KEPT_AS = "tidegate.key";
const Current = createContext<Door | null>(null);

export function SessionProvider({ children }: { children: ComponentChildren }) {
  const [key, setKey] = useState(() => recall(TAB, KEPT_AS));
  const [signIn, setSignIn] = useState<SignIn>({ state: key === null ? "out" : "looking" });
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (key === null) return;
    const abort = new AbortController();
    const api = new Api(key);
    setSignIn({ state: "looking" });
    api.get<Me>("/v1/me", { signal: abort.signal }).then(
      (me) => {
        if (abort.signal.aborted) return;
        if (me.role === "gateway" || me.role === "metrics") {
          keep(TAB, KEPT_AS, null);
          setKey(null);
          setSignIn({
            state: "out",
            refused:
              me.role === "gateway"
                ? "This is a gateway's key: it asks for decisions and reads nothing."
                : "This key reads the counters alone.",
          });
          return;
        }
        keep(TAB, KEPT_AS, key);
        setSignIn({ state: "in", session: { api, me } });
      },
      (error) => {
        if (abort.signal.aborted) return;
        if (error instanceof ApiError && error.status === 401) {
          keep(TAB, KEPT_AS, null);
          setKey(null);
          setSignIn({ state: "out", refused: "This key is not known, or was revoked." });
          return;
        }
        setSignIn({ state: "unreachable", error, retry: () => setRound((before) => before + 1) });
      },
    );
    return () => abort.abort();
  }, [key, round]);
  const door = useMemo<Door>(
    () => ({
      signIn,
      enter: (entered) => {
        setKey(entered);
        setRound((before) => before + 1);
      },
      leave: () => {
        keep(TAB, KEPT_AS, null);
        setKey(null);
        setSignIn({ state: "out" });
      },
    }),
    [signIn],
  );
  return <Current.Provider value={door}>{children}</Current.Provider>;
}

export function useDoor(): Door {
  const door = useContext(Current);
  if (!door) throw new Error("outside of SessionProvider");
  return door;
}

/** For views that are shown to who is signed in. */
export function useSession(): Session {
  const { signIn } = useDoor();
  if (signIn.state !== "in") throw new Error("not signed in");
  return signIn.session;
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
