/** The headers of the messages in a file, whichever kind it is of. What is rare is loaded when it comes. */
import { kindOf, MAC_PREFIX, TELLING } from "./kind";
import { Unfit } from "./problem";
import { Source } from "./source";
import { type Sink, Text } from "./text";

/** Files in files that are opened: a compressed mailbox in a `.zip` file */
const MAX_DEPTH = 3;

export class Mail {
  /** Octets of the file that have been read */
  bytes = 0;
  readonly #file: Blob;
  readonly #sink: Sink;

  constructor(file: Blob, sink: Sink) {
    this.#file = file;
    this.#sink = sink;
  }

  /** Hands over header by header, and yields now and then. Throws `Unfit`, `Damaged` or `Unreadable`. */
  read(): AsyncGenerator<void> {
    return this.#read(new Source(this.#file), 0);
  }

  async *#read(source: Source, depth: number): AsyncGenerator<void> {
    const kind = kindOf(await source.head(TELLING));
    if (kind !== "text" && kind !== "mac" && depth === MAX_DEPTH) throw new Unfit("packed");
    switch (kind) {
      case "gzip":
        yield* this.#read(source.unpacked("gzip"), depth + 1);
        break;
      case "zip": {
        const { unzipped } = await import("./zip");
        yield* this.#each(unzipped(await source.whole()), depth + 1);
        break;
      }
      case "ole": {
        const { msgHeader } = await import("./msg");
        yield* this.#text(new Source(new Blob([await msgHeader(await source.whole())])), 0);
        break;
      }
      default:
        yield* this.#text(source, kind === "mac" ? MAC_PREFIX : 0);
    }
  }

  /** All files of one; what of them cannot be read is told when the others have been. */
  async *#each(files: AsyncGenerator<Source>, depth: number): AsyncGenerator<void> {
    let unfit: Unfit | null = null;
    for await (const file of files) {
      try {
        yield* this.#read(file, depth);
      } catch (error) {
        if (!(error instanceof Unfit)) throw error;
        unfit ??= error;
      }
    }
    if (unfit) throw unfit;
  }

  async *#text(source: Source, prefix: number): AsyncGenerator<void> {
    const text = new Text(this.#sink);
    const read = (octets: number) => {
      this.bytes += octets;
    };
    let skip = prefix;
    try {
      for await (const piece of source.pieces(read)) {
        const more = text.push(piece.subarray(skip));
        skip = Math.max(0, skip - piece.length);
        if (!more) break;
        yield;
      }
    } finally {
      // who cancels, or whose file breaks off, hears of what was read
      text.finish();
    }
  }
}
