/** The mail in a `.zip` file (APPNOTE.TXT 6.3, sections 4.3 and 4.4): what is stored, or compressed by deflate. */
import { type Octets, slice } from "./octets.js";
import { Damaged, Unfit } from "./problem.js";
import { Source } from "./source.js";

/** Octets of a record without its names */
const [LOCAL, CENTRAL, END] = [30, 46, 22];
/** Octets of the file's comment, which stands at its very end */
const MAX_COMMENT = 0xffff;
/** Octets of the list of what is in the file */
const MAX_LIST = 16 << 20;
const MAX_ENTRIES = 20_000;

/** In place of a number of 32 bits: it stands elsewhere, in 64 */
const LARGE = 0xffffffff;

const MAIL = /\.(?:eml|emlx|mbox|mbx|msg|txt|json|gz|olk1[45]msgsource)$|(?:^|\/)(?:mbox|inbox|sent)$/i;

interface Entry {
  name: string;
  /** How it is compressed, and whether it is encrypted */
  method: number;
  locked: boolean;
  size: number;
  /** Where its record begins */
  at: number;
}

/** What is in the file, compressed or not, one after the other. Throws `Unfit`, `Damaged` or `Unreadable`. */
export async function* unzipped(source: Source): AsyncGenerator<Source> {
  const file = await source.whole();
  const entries = await list(file);
  if (entries.some(({ name }) => name.startsWith("com.microsoft.__Messages"))) throw new Unfit("olm");
  if (entries.some(({ name }) => name === "[Content_Types].xml")) throw new Unfit("document");
  const mail = entries.filter(({ name }) => MAIL.test(name) && !name.startsWith("__MACOSX/"));
  if (mail.length === 0 || !mail.every(isReadable)) throw new Unfit("zip");
  for (const { at, size, method } of mail) {
    const record = view(await slice(file, at, at + LOCAL), LOCAL, 0x04034b50);
    const start = at + LOCAL + record.getUint16(26, true) + record.getUint16(28, true);
    const source = new Source(file.slice(start, start + size));
    yield method === 0 ? source : source.unpacked("deflate-raw");
  }
}

function isReadable({ method, locked, size }: Entry): boolean {
  return !locked && (method === 0 || method === 8) && size !== LARGE;
}

async function list(file: Blob): Promise<Entry[]> {
  const tail = await slice(file, Math.max(0, file.size - END - MAX_COMMENT), file.size);
  const end = view(tail.subarray(endRecord(tail)), END, 0x06054b50);
  const [count, size, start] = [end.getUint16(10, true), end.getUint32(12, true), end.getUint32(16, true)];
  if (count > MAX_ENTRIES || size > MAX_LIST || start === LARGE) throw new Unfit("zip");
  const records = await slice(file, start, start + size);
  const entries: Entry[] = [];
  for (let at = 0; entries.length < count; ) {
    const record = view(records.subarray(at), CENTRAL, 0x02014b50);
    const name = records.subarray(at + CENTRAL, at + CENTRAL + record.getUint16(28, true));
    entries.push({
      name: new TextDecoder().decode(name),
      method: record.getUint16(10, true),
      locked: (record.getUint16(8, true) & 1) === 1,
      size: record.getUint32(20, true),
      at: record.getUint32(42, true),
    });
    at += CENTRAL + name.length + record.getUint16(30, true) + record.getUint16(32, true);
  }
  return entries;
}

/** The last place where the record may stand that ends the file. */
function endRecord(tail: Octets): number {
  for (let at = tail.length - END; at >= 0; at -= 1) {
    if (tail[at] === 0x50 && tail[at + 1] === 0x4b && tail[at + 2] === 5 && tail[at + 3] === 6) return at;
  }
  return tail.length;
}

/** Throws `Damaged` unless it is a record of that length and kind. */
function view(octets: Octets, length: number, sign: number): DataView {
  const record = new DataView(octets.buffer, octets.byteOffset, octets.length);
  if (octets.length < length || record.getUint32(0, true) !== sign) throw new Damaged();
  return record;
}
