/** One check: gives the header of each message of its input to the engine's scanner, and judges what was found. */
import type { Reading, Scanner } from "../../../../pkg/tidegate";
import { type Engine, loadEngine } from "../../lib/engine";
import { Mail } from "./input/mail";
import { MAX_HEADER } from "./input/mailbox";
import { Gathered } from "./input/octets";
import { Damaged, Unfit, Unreadable } from "./input/problem";
import type { Ask, Baseline, Found, Progress, Tell } from "./protocol";

/** How often the page hears of progress, in milliseconds */
const PROGRESS_EVERY = 100;
/** What was found so far is told at most that often, in milliseconds, and takes a tenth of the time at most. */
const FOUND_EVERY = 1_000;
/** That the engine takes */
const MAX_OWN_HOPS = 16;
/** What the scanner finds around each header, and tells them apart by */
const [ENVELOPE, END] = [new TextEncoder().encode("From \n"), new TextEncoder().encode("\n")];
/** Octets of headers that the scanner gets at once, at least */
const BATCH = 128 * 1024;

export class Run {
  readonly id: number;
  readonly #mail: Mail;
  readonly #at: string;
  readonly #tell: (tell: Tell) => void;
  #baseline: Baseline;
  #engine: Engine | null = null;
  #scanner: Scanner | null = null;
  /** The first message's */
  #header: Uint8Array | null = null;
  /** Headers that the scanner has yet to get */
  readonly #batch = new Gathered(BATCH + MAX_HEADER + 64);
  #mended = false;
  /**
   * Held here, whence the worker reaches it at any time: Chromium takes a file's stream for garbage while nothing but a
   * read under way refers to it, and that read never ends (seen from 2.7 GB on).
   */
  #reading: AsyncGenerator<void> | null = null;
  #stopped = false;
  #freed = false;

  constructor({ id, input, baseline, at }: Extract<Ask, { ask: "check" }>, tell: (tell: Tell) => void) {
    this.id = id;
    this.#mail = new Mail(input, {
      header: (lines) => this.#take(lines),
      mended: () => {
        this.#mended = true;
      },
    });
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
      this.#push();
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
    this.#reading = this.#mail.read();
    for await (const _ of this.#reading) {
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

  /** The scanner gets a mailbox of headers alone. */
  #take(lines: Uint8Array): void {
    this.#header ??= lines.slice();
    for (const octets of [ENVELOPE, lines, END]) this.#batch.add(octets);
    if (this.#batch.length > BATCH) this.#push();
  }

  #push(): void {
    this.#scanner?.push(this.#batch.octets);
    this.#batch.clear();
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
    this.#push();
    return { bytes: this.#mail.bytes, messages: this.#scanner?.messages ?? 0 };
  }

  #found(): Found {
    if (!this.#scanner || !this.#engine) throw new Error("nothing was read");
    this.#push();
    const result = this.#scanner.result({ baseline: this.#baseline, at: this.#at });
    const single = result.messages === 1 ? this.#header : null;
    return { result, header: single && readHop(this.#engine, single), mended: this.#mended };
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
