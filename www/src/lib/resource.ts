/** What a view loads: at first nothing, then an error or a value that is kept while it is loaded again. */
import { useCallback, useEffect, useState } from "preact/hooks";
import type { Api, Page } from "./http";

export interface Loaded<T> {
  /** The last value that came */
  value: T | undefined;
  /** Why the last attempt failed */
  error: unknown;
  loading: boolean;
  reload: () => void;
}

interface State<T> {
  value: T | undefined;
  error: unknown;
  loading: boolean;
}

/**
 * Loads when `inputs` change, and on `reload()`. `load` may show what it has so far by calling `part`; when it is
 * overtaken, its signal aborts and nothing of it is shown any more.
 */
export function useLoad<T>(
  load: (signal: AbortSignal, part: (value: T) => void) => Promise<T>,
  inputs: readonly unknown[],
): Loaded<T> {
  const [round, setRound] = useState(0);
  const [state, setState] = useState<State<T>>({ value: undefined, error: undefined, loading: true });
  useEffect(() => {
    const abort = new AbortController();
    const show = (next: Partial<State<T>>) => {
      if (!abort.signal.aborted) setState((before) => ({ ...before, ...next }));
    };
    show({ loading: true, error: undefined });
    load(abort.signal, (value) => show({ value })).then(
      (value) => show({ value, loading: false }),
      (error) => show({ error, loading: false }),
    );
    return () => abort.abort();
  }, [...inputs, round]);
  const reload = useCallback(() => setRound((before) => before + 1), []);
  return { ...state, reload };
}

/** Loads again a minute after the last time, as long as the page is in sight, or once it is. */
export function useFresh({ loading, reload }: Pick<Loaded<unknown>, "loading" | "reload">): void {
  useEffect(() => {
    if (loading) return;
    let due = false;
    const look = () => {
      if (due && document.visibilityState === "visible") reload();
    };
    const timer = setTimeout(() => {
      due = true;
      look();
    }, 60_000);
    document.addEventListener("visibilitychange", look);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", look);
    };
  }, [loading, reload]);
}

export interface Paged<T> {
  /** What has come so far; undefined before the first page */
  items: T[] | undefined;
  error: unknown;
  loading: boolean;
  /** Loads the next page; undefined on the last */
  more: (() => void) | undefined;
  reload: () => void;
}

/** A list of which the reader asks for one page after the other. */
export function usePages<T>(api: Api, path: string, limit = 100): Paged<T> {
  const [pages, setPages] = useState<Page<T>[]>([]);
  // the page that is wanted: after how many others, and where it begins
  const [wanted, want] = useState<{ after: number; cursor: string | null }>({ after: 0, cursor: null });
  const { error, loading, reload } = useLoad(
    async (signal) => {
      const { after, cursor } = wanted;
      const page = await api.get<Page<T>>(path, { signal, query: { limit, cursor } });
      setPages((before) => [...before.slice(0, after), page]);
    },
    [api, path, limit, wanted],
  );
  const next = pages.at(-1)?.next ?? null;
  return {
    items: pages.length > 0 ? pages.flatMap(({ items }) => items) : undefined,
    error,
    loading,
    more: next === null ? undefined : () => want({ after: pages.length, cursor: next }),
    reload: error === undefined ? () => want({ after: 0, cursor: null }) : reload,
  };
}
