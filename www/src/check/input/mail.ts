/** The headers of the messages in a file, whichever kind it is of. What is rare is loaded when it comes. */
import { kindOf, MAC_PREFIX, TELLING } from "./kind";
import { Gathered, type Octets, pieces, type Stream, slice, whole } from "./octets";
import { Damaged, Unfit, Unreadable } from "./problem";
import { type Sink, Text } from "./text";

/** Files in files that are opened: a compressed mailbox in a `.zip` file */
const MAX_DEPTH = 3;
/** Octets of a packed file that are held where its parts do not stand in order: a `.msg` file in a `.zip` file */
const MAX_HELD = 64 << 20;

/** Part of the file that was chosen, and how it is unpacked */
export interface Source {
  file: Blob;
  unpack: ((stream: Stream) => Stream) | null;
}

export class Mail {
  /** Octets of the file that have been read */
  bytes = 0;
  readonly #file: Blob;
  readonly #sink: Sink;
  /** Held for the reason that `Run` says. */
  #stream: Stream | null = null;

  constructor(file: Blob, sink: Sink) {
    this.#file = file;
    this.#sink = sink;
  }

  /** Hands over header by header, and yields now and then. Throws `Unfit`, `Damaged` or `Unreadable`. */
  read(): AsyncGenerator<void> {
    return this.#read({ file: this.#file, unpack: null }, 0);
  }

  async *#read(source: Source, depth: number): AsyncGenerator<void> {
    const kind = kindOf(await this.#head(source));
    if (kind !== "text" && kind !== "mac" && depth === MAX_DEPTH) throw new Unfit("packed");
    switch (kind) {
      case "gzip":
        yield* this.#read(gunzipped(source), depth + 1);
        break;
      case "zip": {
        const { unzipped } = await import("./zip");
        yield* this.#each(unzipped(await this.#held(source)), depth + 1);
        break;
      }
      case "ole": {
        const { msgHeader } = await import("./msg");
        const header = await msgHeader(await this.#held(source));
        yield* this.#text({ file: new Blob([header]), unpack: null }, 0);
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
    let skip = prefix;
    try {
      for await (const piece of this.#pieces(source)) {
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

  async *#pieces({ file, unpack }: Source): AsyncGenerator<Octets> {
    this.#stream = file.stream();
    try {
      if (unpack === null) {
        for await (const piece of pieces(this.#stream)) {
          this.bytes += piece.length;
          yield piece;
        }
      } else {
        yield* pieces(unpack(this.#stream.pipeThrough(this.#counted())));
      }
    } catch (error) {
      await readable(file);
      throw unpack === null ? error : new Damaged(String(error));
    }
    await readable(file);
  }

  #counted(): TransformStream<Octets, Octets> {
    return new TransformStream({
      transform: (piece, controller) => {
        this.bytes += piece.length;
        controller.enqueue(piece);
      },
    });
  }

  async #head({ file, unpack }: Source): Promise<Uint8Array> {
    if (unpack === null) return slice(file, 0, TELLING);
    const head = new Gathered(TELLING);
    try {
      for await (const piece of pieces(unpack(file.stream()))) if (!head.add(piece)) break;
    } catch (error) {
      // as far as it goes; reading it will say more
      if (!(error instanceof Unreadable)) throw error;
    }
    return head.octets;
  }

  async #held({ file, unpack }: Source): Promise<Blob> {
    const held = unpack === null ? file : await whole(unpack(file.stream()), MAX_HELD);
    if (held === null) throw new Unfit("packed");
    return held;
  }
}

/** A stream may end without a word where the file was changed; a slice does not. Throws `Unreadable`. */
async function readable(file: Blob): Promise<void> {
  await slice(file, 0, 1);
}

function gunzipped({ file, unpack }: Source): Source {
  return {
    file,
    unpack: (stream) => (unpack ? unpack(stream) : stream).pipeThrough(new DecompressionStream("gzip")),
  };
}
