/** Reads a file or a stream piece by piece, so that of one of gigabytes only megabytes are in memory. */
import { Unreadable } from "./problem.js";

/** Octets of a piece */
const PIECE = 1 << 20;

export type Octets = Uint8Array<ArrayBuffer>;
export type Stream = ReadableStream<Octets>;

/** A piece holds until the next one is asked for. Throws `Unreadable`. */
export async function* pieces(stream: Stream): AsyncGenerator<Octets> {
  const { next, cancel } = readerOf(stream);
  const guarded = () => next().catch(asUnreadable);
  try {
    for (let octets = await guarded(); octets !== null; octets = await guarded()) yield octets;
  } finally {
    await cancel().catch(() => {});
  }
}

/** The octets from `start` up to `end`, fewer where the file ends before. Throws `Unreadable`. */
export async function slice(file: Blob, start: number, end: number): Promise<Octets> {
  return new Uint8Array(await file.slice(start, end).arrayBuffer().catch(asUnreadable));
}

/** Octets that are gathered, `most` at most; what goes beyond is left out. */
export class Gathered {
  #octets: Octets = new Uint8Array(1 << 16);
  #length = 0;

  constructor(readonly most: number) {}

  /** Says whether all of `octets` found room. */
  add(octets: Uint8Array): boolean {
    const length = Math.min(this.#length + octets.length, this.most);
    if (length > this.#octets.length) {
      const larger = new Uint8Array(Math.min(this.most, Math.max(length, 2 * this.#octets.length)));
      larger.set(this.octets);
      this.#octets = larger;
    }
    const room = length - this.#length;
    this.#octets.set(room < octets.length ? octets.subarray(0, room) : octets, this.#length);
    this.#length = length;
    return room === octets.length;
  }

  /** Holds until something is added. */
  get octets(): Octets {
    return this.#octets.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
  }
}

function asUnreadable(error: unknown): never {
  throw error instanceof Unreadable ? error : new Unreadable(String(error));
}

interface Reader {
  /** null at the end */
  next: () => Promise<Octets | null>;
  cancel: () => Promise<void>;
}

/** Fills one buffer again and again, where the stream can: new ones pile up to hundreds of megabytes before they go. */
function readerOf(stream: Stream): Reader {
  try {
    const reader = stream.getReader({ mode: "byob" });
    let buffer = new ArrayBuffer(PIECE);
    const next = async () => {
      const { value, done } = await reader.read(new Uint8Array(buffer));
      if (done) return null;
      buffer = value.buffer;
      return value;
    };
    return { next, cancel: () => reader.cancel() };
  } catch {
    const reader = stream.getReader();
    return { next: async () => (await reader.read()).value ?? null, cancel: () => reader.cancel() };
  }
}
