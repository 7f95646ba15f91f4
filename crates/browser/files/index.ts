/** Gives the mail in a file to a `Scanner`, unpacked if need be. What is rare is loaded when it comes. */
import type { FileKind, Scanner } from "../tidegate.js";
import { Unfit, type UnfitKind } from "./problem.js";
import { Source } from "./source.js";

export { Damaged, Unfit, type UnfitKind, Unreadable } from "./problem.js";

/** Files in files that are opened: a compressed mailbox in a `.zip` file */
const MAX_DEPTH = 3;

/** Of a `Scanner`, what is asked for */
export type FileScanner = Pick<Scanner, "push" | "nextFile">;

/**
 * Goes through a file: whatever the scanner reads, `.msg` files of Outlook, `internetMessageHeaders` of
 * Microsoft Graph as JSON, and what of these is in a `.gz` or `.zip` file. Yields now and then how many octets of it have been read. Throws `Unfit`, `Damaged` or `Unreadable`; what was
 * read until then is with the scanner.
 */
export async function* scanFile(file: Blob, scanner: FileScanner): AsyncGenerator<number, void> {
  yield* read(new Source(file), { scanner, octets: 0 }, 0);
}

interface Progress {
  scanner: FileScanner;
  octets: number;
}

async function* read(source: Source, progress: Progress, depth: number): AsyncGenerator<number, void> {
  const before = progress.octets;
  const kind = yield* scan(source, progress);
  if (kind === null) return;
  if (!isPacked(kind)) throw new Unfit(kind);
  if (depth === MAX_DEPTH) throw new Unfit("packed");
  progress.octets = before;
  const unpack = await UNPACK[kind]();
  yield* each(unpack(source), progress, depth + 1);
}

/** What is in a file, one after the other. */
type Unpack = (source: Source) => AsyncIterable<Source>;

const UNPACK: Record<Exclude<FileKind, UnfitKind> | "zip" | "json", () => Promise<Unpack>> = {
  gzip: async () => gunzipped,
  zip: async () => (await import("./zip.js")).unzipped,
  compound: async () => (await import("./msg.js")).unwrapped,
  json: async () => (await import("./json.js")).headersIn,
};

function isPacked(kind: FileKind): kind is keyof typeof UNPACK {
  return kind in UNPACK;
}

async function* gunzipped(source: Source): AsyncGenerator<Source> {
  yield source.unpacked("gzip");
}

/** All files of one; what of them cannot be read is told when the others have been. */
async function* each(files: AsyncIterable<Source>, progress: Progress, depth: number) {
  let unfit: Unfit | null = null;
  for await (const file of files) {
    try {
      yield* read(file, progress, depth);
    } catch (error) {
      if (!(error instanceof Unfit)) throw error;
      unfit ??= error;
    }
  }
  if (unfit) throw unfit;
}

async function* scan(source: Source, progress: Progress): AsyncGenerator<number, FileKind | null> {
  let kind: FileKind | null = null;
  const count = (octets: number) => {
    progress.octets += octets;
  };
  try {
    for await (const piece of source.pieces(count)) {
      const more = progress.scanner.push(piece);
      yield progress.octets;
      if (!more) break;
    }
  } finally {
    // who stops, or whose file breaks off, hears of what was read
    kind = progress.scanner.nextFile();
  }
  return kind;
}
