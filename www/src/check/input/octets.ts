/** Reads a file piece by piece, so that of one of gigabytes only megabytes are in memory. */

/** Octets of a piece */
const PIECE = 1 << 20;

/** Of a kind that holds messages in a way that cannot be read here. */
export class Unfit extends Error {
  constructor(readonly kind: "outlook" | "packed") {
    super(kind);
  }
}

/** It was changed or removed since it was chosen, or may not be read. */
export class Unreadable extends Error {}

/** What these files begin with. */
const UNFIT: [kind: Unfit["kind"], start: number[]][] = [
  ["outlook", [0xd0, 0xcf, 0x11, 0xe0]], // .msg
  ["outlook", [0x21, 0x42, 0x44, 0x4e]], // .pst, .ost
  ["packed", [0x1f, 0x8b]], // gzip
  ["packed", [0x50, 0x4b, 0x03, 0x04]], // zip
  ["packed", [0x42, 0x5a, 0x68]], // bzip2
  ["packed", [0xfd, 0x37, 0x7a, 0x58]], // xz
  ["packed", [0x28, 0xb5, 0x2f, 0xfd]], // zstd
  ["packed", [0x37, 0x7a, 0xbc, 0xaf]], // 7z
];

/**
 * Yields the file's octets; a piece holds until the next one is asked for. UTF-16, in which Windows likes to save text,
 * comes as UTF-8. Throws `Unfit` or `Unreadable`.
 */
export async function* pieces(file: Blob): AsyncGenerator<{ piece: Uint8Array; end: number }> {
  let decode: ((octets: Uint8Array) => Uint8Array) | null = null;
  let end = 0;
  for await (const octets of read(file)) {
    if (decode === null) {
      const unfit = UNFIT.find(([, sign]) => begins(octets, sign));
      if (unfit) throw new Unfit(unfit[0]);
      decode = decoder(octets);
    }
    end += octets.length;
    yield { piece: decode(octets), end };
  }
}

async function* read(file: Blob): AsyncGenerator<Uint8Array> {
  const { next, cancel } = readerOf(file.stream());
  const guarded = () => next().catch(asUnreadable);
  try {
    for (let octets = await guarded(); octets !== null; octets = await guarded()) yield octets;
  } finally {
    await cancel().catch(() => {});
  }
  // a stream may end without a word where the file was changed, a slice does not
  await file.slice(0, 1).arrayBuffer().catch(asUnreadable);
}

function asUnreadable(error: unknown): never {
  throw new Unreadable(String(error));
}

interface Reader {
  /** null at the end */
  next: () => Promise<Uint8Array | null>;
  cancel: () => Promise<void>;
}

/** Fills one buffer again and again, where the browser can: new ones pile up to hundreds of megabytes before they go. */
function readerOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Reader {
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

function begins(octets: Uint8Array, sign: number[]): boolean {
  return sign.every((octet, at) => octets[at] === octet);
}

function decoder(first: Uint8Array): (octets: Uint8Array) => Uint8Array {
  const little = begins(first, [0xff, 0xfe]);
  if (little || begins(first, [0xfe, 0xff])) {
    const text = new TextDecoder(little ? "utf-16le" : "utf-16be");
    const encoder = new TextEncoder();
    return (octets) => encoder.encode(text.decode(octets, { stream: true }));
  }
  return (octets) => octets;
}
