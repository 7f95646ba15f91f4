/**
 * What a view loads: kept when the view is left, so that it is there at once on the way back; loaded again when it is old,
 * or when something was changed from here; refreshed while it is looked at. A failed attempt leaves what was there.
 */
import { useCallback, useEffect, useReducer, useRef, useState } from "preact/hooks";
import { ApiError, changesMade } from "./http";

export interface Resource<T> {
  /** The last value that came */
  value: T | undefined;
  /** When it came; undefined while it is not all there */
  at: Date | undefined;
  /** Why the last attempt failed, until another one succeeds */
  error: unknown;
  loading: boolean;
  /** The value is of what was asked for before. */
  former: boolean;
  reload: () => void;
}

interface Entry {
  value: unknown;
  at: Date;
  changes: number;
}

interface Options<T> {
  /** How many rows a refresh costs: only so many a minute are asked for, on average */
  rows?: (value: T) => number;
  /** What was asked for before is shown until this is there. */
  keep?: boolean;
  /** Asked for again while it is looked at; true by default, but for what is edited */
  refresh?: boolean;
  /** It is edited: an old value is not shown before the newest has come. */
  edited?: boolean;
}

/** What is no older is not asked for again, in milliseconds. */
const FRESH = 60_000;
const ROWS_A_MINUTE = 100;
/** So many values are kept. */
const MOST = 40;
const entries = new Map<string, Entry>();

/** Young enough, and nothing was changed from here since. */
function isFresh(entry: Entry | undefined): boolean {
  return entry !== undefined && entry.changes === changesMade && Date.now() - entry.at.getTime() < FRESH;
}

/** Another reader may not see what the last one did. */
export function forgetAll(): void {
  entries.clear();
}

function remember(key: string, entry: Entry): void {
  entries.delete(key);
  entries.set(key, entry);
  const [oldest] = entries.keys();
  if (entries.size > MOST && oldest !== undefined) entries.delete(oldest);
}

type Load<T> = (context: {
  signal: AbortSignal;
  show: (value: T) => void;
  before: T | undefined;
}) => Promise<T>;

/** `key`: what tells it from all others. `load` may `show` what has come so far. */
export function useResource<T>(key: string, load: Load<T>, options: Options<T> = {}): Resource<T> {
  const { rows, keep = false, edited = false, refresh = !edited } = options;
  const [, redraw] = useReducer<number, void>((count) => count + 1, 0);
  const [round, setRound] = useState(0);
  const held = useRef<(Omit<Resource<T>, "reload"> & { key: string; round: number }) | undefined>(undefined);
  if (held.current?.key !== key) {
    const found = entries.get(key) as (Entry & { value: T }) | undefined;
    const known = edited && !isFresh(found) ? undefined : found;
    const former = keep && known === undefined ? held.current : undefined;
    held.current = {
      key,
      round,
      value: known?.value ?? former?.value,
      at: known?.at,
      error: undefined,
      loading: true,
      former: former?.value !== undefined,
    };
  }
  const current = held.current;
  useEffect(() => {
    const known = entries.get(key);
    const abort = new AbortController();
    const set = (next: Partial<Resource<T>>) => {
      if (abort.signal.aborted) return;
      Object.assign(current, next);
      redraw();
    };
    if (known && isFresh(known) && current.round === round) {
      // another reader may have been answered since this one was drawn
      set({ value: known.value as T, at: known.at, error: undefined, loading: false, former: false });
      return;
    }
    current.round = round;
    set({ loading: true });
    const changes = changesMade;
    const show = (value: T) => set({ value, former: false });
    load({ signal: abort.signal, show, before: known?.value as T | undefined }).then(
      (value) => {
        if (abort.signal.aborted) return;
        const at = new Date();
        remember(key, { value, at, changes });
        set({ value, at, error: undefined, loading: false, former: false });
      },
      (error) => set({ error, loading: false }),
    );
    return () => abort.abort();
  }, [key, round]);
  const reload = useCallback(() => setRound((before) => before + 1), []);
  const minutes =
    current.value === undefined || !rows ? 1 : Math.ceil(rows(current.value) / ROWS_A_MINUTE) || 1;
  useRefresh(!refresh || current.loading || isRefused(current.error) ? 0 : minutes * 60_000, reload);
  return { ...current, reload };
}

/** Asks again so much later, as long as the page is in sight, or once it is; 0: never. */
function useRefresh(after: number, reload: () => void): void {
  useEffect(() => {
    if (after === 0) return;
    let due = false;
    const look = () => {
      if (due && document.visibilityState === "visible") reload();
    };
    const timer = setTimeout(() => {
      due = true;
      look();
    }, after);
    document.addEventListener("visibilitychange", look);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [after, reload]);
}

/** The same key would be told the same. */
function isRefused(error: unknown): boolean {
  return error instanceof ApiError && [401, 403, 404].includes(error.status);
}

export interface Paged<T> extends Resource<{ items: T[]; next: string | null }> {
  /** Loads the next page; undefined on the last */
  more: (() => void) | undefined;
}

type AskPage<T> = (
  page: { limit: number; cursor?: string },
  signal: AbortSignal,
) => Promise<{ items: T[]; next: string | null }>;

/** A list of which the reader asks for one page after the other; it is not refreshed by itself. */
export function usePages<T>(key: string, ask: AskPage<T>, limit = 100): Paged<T> {
  const wanted = useRef(1);
  const resource = useResource<{ items: T[]; next: string | null }>(
    key,
    async ({ signal, show, before }) => {
      // pages that are there stay, unless they are asked for anew
      const further = wanted.current > 1 && before?.next ? before : undefined;
      const page = await ask({ limit, ...(further?.next && { cursor: further.next }) }, signal);
      const value = { items: [...(further?.items ?? []), ...page.items], next: page.next };
      show(value);
      return value;
    },
    { refresh: false },
  );
  const { value, error, reload } = resource;
  const from = (page: number) => () => {
    wanted.current = page;
    reload();
  };
  return {
    ...resource,
    more: value?.next ? from(2) : undefined,
    reload: error === undefined ? from(1) : reload,
  };
}
