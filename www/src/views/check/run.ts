/** One check: gives its input to the engine's scanner, and judges what was found. */
import { Damaged, scanFile, Unfit, Unreadable } from "../../../../pkg/files";
import type { Reading, Scanner } from "../../../../pkg/tidegate";
import { type Engine, loadEngine } from "../../lib/engine";
import type { Ask, Baseline, Found, Progress, Tell } from "./protocol";

/** How often the page hears of progress, in milliseconds */
const PROGRESS_EVERY = 100;
/** What was found so far is told at most that often, in milliseconds, and takes a tenth of the time at most. */
const FOUND_EVERY = 1_000;
/** That the engine takes */
const MAX_OWN_HOPS = 16;

export class Run {
  readonly id: number;
  readonly #input: Blob;
  readonly #at: string;
  readonly #tell: (tell: Tell) => void;
  #baseline: Baseline;
  #engine: Engine | null = null;
  #scanner: Scanner | null = null;
  /** Octets of the input that have been read */
  #bytes = 0;
  /**
   * Held here, whence the worker reaches it at any time: Chromium takes a file's stream for garbage while nothing but a
   * read under way refers to it, and that read never ends (seen from 2.7 GB on).
   */
  #reading: AsyncGenerator<number> | null = null;
  #stopped = false;
  #freed = false;

  constructor({ id, input, baseline, at }: Extract<Ask, { ask: "check" }>, tell: (tell: Tell) => void) {
    this.id = id;
    this.#input = input;
    this.#baseline = baseline;
    this.#at = at;
    this.#tell = tell;
  }

  /** Rejects with `Unfit`, `Damaged` or `Unreadable`, or with what the engine says. */
  async read(): Promise<void> {
    this.#engine = await loadEngine();
    if (this.#freed) return;
    this.#scanner = new this.#engine.Scanner();
    try {
      await this.#scan();
    } catch (error) {
      if (this.#freed) return;
      const broken = error instanceof Unreadable || error instanceof Damaged;
      if (broken || (error instanceof Unfit && this.#scanner.messages > 0)) this.#tellFound();
      throw error;
    }
    if (this.#freed) return;
    this.#tell({
      id: this.id,
      tell: "end",
      stopped: this.#stopped,
      progress: this.#progress(),
      ...this.#found(),
    });
  }

  async #scan(): Promise<void> {
    let [progressTold, foundDue] = [0, performance.now() + FOUND_EVERY];
    this.#reading = scanFile(this.#input, {
      push: (octets) => this.#scanner?.push(octets) ?? false,
      nextFile: () => this.#scanner?.nextFile() ?? null,
    });
    for await (const bytes of this.#reading) {
      this.#bytes = bytes;
      if (this.#freed || this.#stopped) return;
      const now = performance.now();
      if (now - progressTold < PROGRESS_EVERY) continue;
      progressTold = now;
      this.#tell({ id: this.id, tell: "progress", progress: this.#progress() });
      if (now >= foundDue) {
        this.#tellFound();
        const took = performance.now() - now;
        foundDue = performance.now() + Math.max(FOUND_EVERY, 9 * took);
      }
      await turn();
    }
  }

  judge(baseline: Baseline): void {
    this.#baseline = baseline;
    if (this.#scanner) this.#tellFound();
  }

  /** What was found until now is told, as of an input that ends here. */
  stop(): void {
    this.#stopped = true;
  }

  /** Gives the memory back. Nothing is told any more. */
  free(): void {
    this.#freed = true;
    this.#scanner?.free();
    this.#scanner = null;
    this.#reading = null;
  }

  #tellFound(): void {
    this.#tell({ id: this.id, tell: "found", ...this.#found() });
  }

  #progress(): Progress {
    return { bytes: this.#bytes, messages: this.#scanner?.messages ?? 0 };
  }

  #found(): Found {
    if (!this.#scanner || !this.#engine) throw new Error("nothing was read");
    const result = this.#scanner.result({ baseline: this.#baseline, at: this.#at });
    const single = result.messages === 1 ? result.header : null;
    return { result, header: single === null ? null : readHop(this.#engine, single) };
  }
}

/** Lets the worker hear what it is asked: a file in the system's cache is read without a pause. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/** As the first server outside of Exchange Online handed it over: what that stamped above is passed over. */
function readHop({ readHeader }: Engine, header: string): Reading {
  const reading = readHeader(header);
  const own = reading.hops.findIndex(({ exchangeOnline }) => !exchangeOnline);
  return own > 0 && own <= MAX_OWN_HOPS ? readHeader(header, { ownHops: own }) : reading;
}
