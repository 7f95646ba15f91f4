/** What a view loads: at first nothing, then an error or a value that is kept while it is loaded again. */
import { useCallback, useEffect, useState } from "preact/hooks";

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
