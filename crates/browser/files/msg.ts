/**
 * The Internet header in a `.msg` file of Outlook: the stream of the property PidTagTransportMessageHeaders (0x007D,
 * MS-OXMSG section 2.1.3) of the message itself, in a compound file (MS-CFB). Of the file only what leads there is read.
 */
import { type Octets, slice } from "./octets.js";
import { Damaged, Unfit } from "./problem.js";
import { Source } from "./source.js";

const HEADER = 512;
/** Octets of an entry of the directory */
const ENTRY = 128;
/** In place of a sector's number or an entry's: from here on it is none */
const NONE = 0xfffffffa;
/** Sectors whose table is read: a file of 2 GB */
const MAX_SECTORS = 1 << 22;
const MAX_DIRECTORY = 16 << 20;
/** Octets of the header that are read */
const MAX_TEXT = 1 << 20;
/** Of the header's numbers of sectors that hold the table of sectors, those in the file's first 512 octets */
const IN_HEADER = 109;

/** Where a stream, and where a storage's first entry, stands */
interface Entry {
  name: string;
  left: number;
  right: number;
  child: number;
  start: number;
  size: number;
}

/** The header alone. Throws `Unfit`, `Damaged` or `Unreadable`. */
export async function* unwrapped(source: Source): AsyncGenerator<Source> {
  const compound = await Compound.open(await source.whole());
  const entries = compound.children();
  if (!entries.has("__properties_version1.0")) throw new Unfit("document");
  const unicode = entries.get("__substg1.0_007D001F");
  const entry = unicode ?? entries.get("__substg1.0_007D001E");
  if (!entry || entry.size === 0) throw new Unfit("msg");
  const header = new TextDecoder(unicode ? "utf-16le" : "utf-8").decode(await compound.stream(entry));
  yield new Source(new Blob([header]));
}

class Compound {
  readonly #file: Blob;
  /** Octets of a sector */
  readonly #size: number;
  /** For each sector, which one follows; and for the small ones */
  #table: DataView = new DataView(new ArrayBuffer(0));
  #smallTable: DataView = this.#table;
  #directory: Entry[] = [];
  /** Streams of fewer octets than that consist of small sectors */
  readonly #small: number;

  private constructor(file: Blob, header: DataView) {
    this.#file = file;
    this.#size = 1 << header.getUint16(30, true);
    this.#small = header.getUint32(56, true);
    if (this.#size !== 512 && this.#size !== 4096) throw new Damaged();
  }

  static async open(file: Blob): Promise<Compound> {
    const header = viewOf(await slice(file, 0, HEADER));
    if (header.byteLength < HEADER) throw new Damaged();
    const compound = new Compound(file, header);
    compound.#table = await compound.#sectorTable(header);
    compound.#directory = entriesOf(await compound.#chain(header.getUint32(48, true), MAX_DIRECTORY));
    compound.#smallTable = viewOf(await compound.#chain(header.getUint32(60, true), MAX_DIRECTORY));
    return compound;
  }

  /** The entries of the root storage by name; not those of attached messages, which have storages of their own. */
  children(): Map<string, Entry> {
    const found = new Map<string, Entry>();
    const left = [this.#directory[0]?.child ?? NONE];
    for (let count = 0; left.length > 0 && count <= this.#directory.length; count += 1) {
      const entry = this.#directory[left.pop() ?? NONE];
      if (!entry) continue;
      found.set(entry.name, entry);
      left.push(entry.left, entry.right);
    }
    return found;
  }

  /** The beginning of a stream. */
  async stream({ start, size }: Entry): Promise<Octets> {
    const length = Math.min(size, MAX_TEXT);
    if (size >= this.#small) return (await this.#chain(start, length)).subarray(0, length);
    const root = this.#directory[0];
    const small = await this.#chain(root?.start ?? NONE, MAX_DIRECTORY);
    const parts = follow(start, this.#smallTable, Math.ceil(length / 64));
    return joined(parts.map((sector) => small.subarray(sector * 64, sector * 64 + 64))).subarray(0, length);
  }

  /** Which sectors hold it is told by the file's header, and by a chain of sectors where there are many. */
  async #sectorTable(header: DataView): Promise<DataView> {
    const per = this.#size / 4;
    const count = Math.min(header.getUint32(44, true), MAX_SECTORS / per);
    const sectors: number[] = [];
    for (let at = 0; at < Math.min(count, IN_HEADER); at += 1)
      sectors.push(header.getUint32(76 + 4 * at, true));
    let next = header.getUint32(68, true);
    while (sectors.length < count && next < NONE) {
      const more = viewOf(await this.#sector(next));
      if (more.byteLength < this.#size) break;
      for (let at = 0; at < per - 1 && sectors.length < count; at += 1)
        sectors.push(more.getUint32(4 * at, true));
      next = more.getUint32(this.#size - 4, true);
    }
    const parts: Octets[] = [];
    for (const sector of sectors) parts.push(await this.#sector(sector));
    return viewOf(joined(parts));
  }

  /** What a chain of sectors holds, `most` octets and the rest of a sector at most. */
  async #chain(start: number, most: number): Promise<Octets> {
    const parts: Octets[] = [];
    for (const sector of follow(start, this.#table, Math.ceil(most / this.#size)))
      parts.push(await this.#sector(sector));
    return joined(parts);
  }

  #sector(number: number): Promise<Octets> {
    const start = (number + 1) * this.#size;
    return slice(this.#file, start, start + this.#size);
  }
}

/** The numbers of a chain's sectors, `most` at most. */
function follow(start: number, table: DataView, most: number): number[] {
  const numbers: number[] = [];
  for (let at = start; at < NONE && numbers.length < most; at = table.getUint32(4 * at, true)) {
    numbers.push(at);
    if (4 * at + 4 > table.byteLength) break;
  }
  return numbers;
}

function entriesOf(directory: Octets): Entry[] {
  const entries: Entry[] = [];
  for (let at = 0; at + ENTRY <= directory.length; at += ENTRY) {
    const entry = viewOf(directory.subarray(at, at + ENTRY));
    const name = directory.subarray(at, at + Math.min(64, Math.max(0, entry.getUint16(64, true) - 2)));
    entries.push({
      name: new TextDecoder("utf-16le").decode(name),
      left: entry.getUint32(68, true),
      right: entry.getUint32(72, true),
      child: entry.getUint32(76, true),
      start: entry.getUint32(116, true),
      size: entry.getUint32(120, true),
    });
  }
  return entries;
}

function joined(parts: Octets[]): Octets {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function viewOf(octets: Octets): DataView {
  return new DataView(octets.buffer, octets.byteOffset, octets.length);
}
