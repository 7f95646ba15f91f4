/** The worker that reads and judges what is checked, so that the page stays free. */
import { Damaged, Unfit, Unreadable } from "../../../../pkg/files";
import { loadEngine } from "../../lib/engine";
import type { Ask, Problem, Tell } from "./protocol";
import { Run } from "./run";

/** The check under way or, for judging it anew, the last one. */
let run: Run | null = null;

const tell = (what: Tell) => postMessage(what);

addEventListener("message", ({ data }: MessageEvent<Ask>) => {
  switch (data.ask) {
    case "prepare":
      loadEngine().catch(() => {}); // the check will say so
      break;
    case "check":
      run?.free();
      run = new Run(data, tell);
      guard(data.id, run.read());
      break;
    case "judge":
      run?.judge(data.baseline);
      break;
    case "stop":
      run?.stop();
  }
});

function guard(id: number, reading: Promise<void>): void {
  reading.catch((error) => tell({ id, tell: "failed", problem: problemOf(error), detail: String(error) }));
}

function problemOf(error: unknown): Problem {
  if (error instanceof Unfit) return error.kind;
  if (error instanceof Damaged) return "damaged";
  return error instanceof Unreadable ? "unreadable" : "engine";
}
