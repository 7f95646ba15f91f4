/** One check: reads its input through the engine's scanner, and judges what was found. */
import type { Reading, Scanner } from "../../../pkg/tidegate";
import { type Engine, loadEngine } from "../engine";
import { pieces, Unreadable } from "./input";
import type { Ask, Baseline, Found, Progress, Tell } from "./protocol";

/** How often the page hears of progress, in milliseconds */
const PROGRESS_EVERY = 100;
/** What was found so far is told at most that often, in milliseconds, and takes a tenth of the time at most. */
const FOUND_EVERY = 1_000;
/** Octets from the input's start in which a single message's header is looked for, as gateways do */
const HEADER = 256 * 1024;
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
  #head: Uint8Array = new Uint8Array();
  /**
   * Held here, whence the worker reaches it at any time: Chromium takes a file's stream for garbage while nothing but a
   * read under way refers to it, and that read never ends (seen from 2.7 GB on).
   */
  #pieces: ReturnType<typeof pieces> | null = null;
  #bytes = 0;
  #stopped = false;
  #freed = false;

  constructor({ id, input, baseline, at }: Extract<Ask, { ask: "check" }>, tell: (tell: Tell) => void) {
    this.id = id;
    this.#input = input;
    this.#baseline = baseline;
    this.#at = at;
    this.#tell = tell;
  }

  /** Rejects with `Unfit` or `Unreadable`, or with what the engine says. */
  async read(): Promise<void> {
    this.#engine = await loadEngine();
    if (this.#freed) return;
    this.#scanner = new this.#engine.Scanner();
    try {
      await this.#scan(this.#scanner);
    } catch (error) {
      if (error instanceof Unreadable && !this.#freed) this.#tellFound();
      throw error;
    }
    if (this.#freed) return;
    this.#scanner.finish();
    this.#tell({
      id: this.id,
      tell: "end",
      stopped: this.#stopped,
      progress: this.#progress(),
      ...this.#found(),
    });
  }

  async #scan(scanner: Scanner): Promise<void> {
    let [progressTold, foundDue] = [0, performance.now() + FOUND_EVERY];
    this.#pieces = pieces(this.#input);
    for await (const { piece, end } of this.#pieces) {
      if (this.#freed || this.#stopped) return;
      if (this.#head.length < HEADER) this.#keep(piece);
      scanner.push(piece);
      this.#bytes = end;
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
    this.#pieces = null;
  }

  #keep(piece: Uint8Array): void {
    const head = new Uint8Array(Math.min(this.#head.length + piece.length, HEADER));
    head.set(this.#head);
    head.set(piece.subarray(0, head.length - this.#head.length), this.#head.length);
    this.#head = head;
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
    return { result, header: result.messages === 1 ? readHop(this.#engine, this.#head) : null };
  }
}

/** Lets the worker hear what it is asked: a file in the system's cache is read without a pause. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/** As the first server outside of Exchange Online handed it over: what that stamped above is passed over. */
function readHop({ readHeader }: Engine, header: Uint8Array): Reading {
  const reading = readHeader(header);
  const own = reading.hops.findIndex(({ exchangeOnline }) => !exchangeOnline);
  return own > 0 && own <= MAX_OWN_HOPS ? readHeader(header, { ownHops: own }) : reading;
}
