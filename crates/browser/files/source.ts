/** The file that was chosen, or a part of it, and how that is unpacked. */
import { Gathered, type Octets, pieces, type Stream, slice } from "./octets.js";
import { Damaged, Unfit } from "./problem.js";

/** Octets that are unpacked at once */
const MAX_PACKED = 16 * 1024;
/** Octets that are held of what is unpacked but has to be read out of order: a `.msg` file in a `.zip` file */
const MAX_HELD = 64 << 20;

export class Source {
  readonly #file: Blob;
  /** How the file is packed, from without to within */
  readonly #formats: CompressionFormat[];
  /** Held, since Chromium takes a stream for garbage to which nothing but a read under way refers. */
  #stream: Stream | null = null;

  constructor(file: Blob, ...formats: CompressionFormat[]) {
    this.#file = file;
    this.#formats = formats;
  }

  unpacked(format: CompressionFormat): Source {
    return new Source(this.#file, ...this.#formats, format);
  }

  /**
   * A piece holds until the next one is asked for. `read` hears how many octets the file gave. Throws `Damaged` or
   * `Unreadable`.
   */
  async *pieces(read: (octets: number) => void = () => {}): AsyncGenerator<Octets> {
    this.#stream = this.#file.stream();
    try {
      if (this.#formats.length === 0) {
        for await (const piece of pieces(this.#stream)) {
          read(piece.length);
          yield piece;
        }
      } else {
        yield* pieces(this.#formats.reduce(unpacking, this.#stream.pipeThrough(told(read))));
      }
    } catch (error) {
      await this.#check();
      throw this.#formats.length === 0 ? error : new Damaged(String(error));
    }
    await this.#check();
  }

  /** All of it, to be read in any order. Throws `Unfit` where that is too much, `Damaged` or `Unreadable`. */
  async whole(): Promise<Blob> {
    if (this.#formats.length === 0) return this.#file;
    const held = new Gathered(MAX_HELD);
    for await (const piece of this.pieces()) if (!held.add(piece)) throw new Unfit("packed");
    return new Blob([held.octets]);
  }

  /** A stream may end without a word where the file was changed; a slice does not. */
  async #check(): Promise<void> {
    await slice(this.#file, 0, 1);
  }
}

function told(read: (octets: number) => void): TransformStream<Octets, Octets> {
  return new TransformStream({
    transform: (piece, controller) => {
      read(piece.length);
      controller.enqueue(piece);
    },
  });
}

/** The browser unpacks a piece as a whole, which may make a thousand times as much of it. */
function unpacking(stream: Stream, format: CompressionFormat): Stream {
  const divided = new TransformStream<Octets, Octets>({
    transform: (piece, controller) => {
      for (let at = 0; at < piece.length; at += MAX_PACKED)
        controller.enqueue(piece.subarray(at, at + MAX_PACKED));
    },
  });
  return stream.pipeThrough(divided).pipeThrough(new DecompressionStream(format));
}
