/** The page's side of a check: one worker that reads and judges, and what it has told so far. */
import { useCallback, useEffect, useReducer, useRef } from "preact/hooks";
import type { Reading, ScanResult } from "../../../../pkg/tidegate";
import type { Ask, Baseline, Problem, Progress, Tell } from "./protocol";

export interface Source {
  /** The file's name; null: text that was pasted */
  name: string | null;
  /** Octets */
  size: number;
}

export interface Check {
  id: number;
  source: Source;
  baseline: Baseline;
  /** For which moment standings and stages hold */
  at: Date;
  phase: "reading" | "done" | "stopped" | "failed";
  /** Milliseconds of reading so far, or in all */
  took: number;
  progress: Progress;
  result: ScanResult | null;
  /** How a single message came */
  header: Reading | null;
  failure: { problem: Problem; detail: string } | null;
}

type Event =
  | { event: "start"; id: number; source: Source; baseline: Baseline; at: Date }
  | { event: "told"; tell: Tell; took: number }
  | { event: "judge"; baseline: Baseline };

export interface Checker {
  check: Check | null;
  start: (input: File | string) => void;
  stop: () => void;
  judge: (baseline: Baseline) => void;
}

export function useChecker(): Checker {
  const [check, dispatch] = useReducer(reduce, null);
  const worker = useRef<Worker | null>(null);
  const running = useRef({ id: 0, started: 0, baseline: "microsoft" as Baseline });

  const ask = useCallback((what: Ask) => {
    worker.current ??= employ((tell) => {
      const took = performance.now() - running.current.started;
      dispatch({ event: "told", tell: tell ?? broken(running.current.id), took });
      if (tell === null) {
        worker.current?.terminate();
        worker.current = null;
      }
    });
    worker.current.postMessage(what);
  }, []);

  useEffect(() => {
    ask({ ask: "prepare" });
    return () => {
      worker.current?.terminate();
      worker.current = null;
    };
  }, []);

  const start = useCallback((given: File | string) => {
    const input = typeof given === "string" ? new Blob([given]) : given;
    const source = { name: typeof given === "string" ? null : given.name, size: input.size };
    const at = new Date();
    running.current.id += 1;
    running.current.started = performance.now();
    const { id, baseline } = running.current;
    dispatch({ event: "start", id, source, baseline, at });
    ask({ ask: "check", id, input, baseline, at: at.toISOString() });
  }, []);

  const stop = useCallback(() => ask({ ask: "stop" }), []);

  const judge = useCallback((baseline: Baseline) => {
    running.current.baseline = baseline;
    dispatch({ event: "judge", baseline });
    ask({ ask: "judge", baseline });
  }, []);

  return { check, start, stop, judge };
}

/** `hear` gets null once the worker cannot go on. */
function employ(hear: (tell: Tell | null) => void): Worker {
  const worker = new Worker(script(), { type: "module" });
  worker.onmessage = ({ data }: MessageEvent<Tell>) => hear(data);
  worker.onerror = () => hear(null);
  worker.onmessageerror = () => hear(null);
  return worker;
}

interface TrustedTypes {
  createPolicy: (
    name: string,
    rules: { createScriptURL: () => string },
  ) => {
    createScriptURL: (address: string) => string;
  };
}

let trusted: { createScriptURL: (address: string) => string } | undefined;

/** The one script that the page's security policy lets be started by its address. */
function script(): string {
  const { href } = new URL("check-worker.js", document.baseURI);
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  trusted ??= trustedTypes?.createPolicy("tidegate", { createScriptURL: () => href });
  return trusted?.createScriptURL(href) ?? href;
}

function broken(id: number): Tell {
  return { tell: "failed", id, problem: "engine", detail: "" };
}

function reduce(check: Check | null, event: Event): Check | null {
  if (event.event === "start") {
    const { id, source, baseline, at } = event;
    return {
      id,
      source,
      baseline,
      at,
      phase: "reading",
      took: 0,
      progress: { bytes: 0, messages: 0 },
      result: null,
      header: null,
      failure: null,
    };
  }
  if (check === null) return null;
  if (event.event === "judge") return { ...check, baseline: event.baseline };
  const { tell, took } = event;
  if (tell.id !== check.id) return check;
  switch (tell.tell) {
    case "progress":
      return { ...check, took, progress: tell.progress };
    case "found":
      return { ...check, result: tell.result, header: tell.header };
    case "end":
      return {
        ...check,
        took,
        phase: tell.stopped ? "stopped" : "done",
        progress: tell.progress,
        result: tell.result,
        header: tell.header,
      };
    case "failed":
      return { ...check, phase: "failed", failure: tell };
  }
}
