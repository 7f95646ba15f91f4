/** Files as other programs write them, made from the bytes that their formats document. */
import { crc32, deflateRawSync } from "node:zlib";

/**
 * A `.zip` file (APPNOTE.TXT 6.3).
 * @param {{ name: string, content: Uint8Array | string, stored?: boolean, flags?: number, method?: number }[]} files
 * @param {string} [comment]
 */
export function zip(files, comment = "") {
  const [parts, list] = [/** @type {Buffer[]} */ ([]), /** @type {Buffer[]} */ ([])];
  let at = 0;
  for (const { name, content, stored = false, flags = 0, method = stored ? 0 : 8 } of files) {
    const plain = Buffer.from(content);
    const packed = stored ? plain : deflateRawSync(plain);
    // version, flags, method, time, day, checksum, sizes, length of the name
    const common = Buffer.alloc(24);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(method, 4);
    common.writeUInt32LE(crc32(plain), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(plain.length, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    // an extra field that stands in the file alone, as zip(1) writes one
    const extra = Buffer.from("55540500015a2b0c67", "hex");
    const local = [Buffer.from("PK\x03\x04"), common, u16(extra.length), Buffer.from(name), extra, packed];
    const rest = Buffer.alloc(16);
    rest.writeUInt32LE(at, 12);
    list.push(Buffer.from("PK\x01\x02"), u16(20), common, rest, Buffer.from(name));
    parts.push(...local);
    at += local.reduce((sum, { length }) => sum + length, 0);
  }
  const records = Buffer.concat(list);
  const end = Buffer.alloc(16);
  end.writeUInt16LE(files.length, 4);
  end.writeUInt16LE(files.length, 6);
  end.writeUInt32LE(records.length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([
    ...parts,
    records,
    Buffer.from("PK\x05\x06"),
    end,
    u16(comment.length),
    Buffer.from(comment),
  ]);
}

/** @param {number} value */
function u16(value) {
  const octets = Buffer.alloc(2);
  octets.writeUInt16LE(value);
  return octets;
}

/**
 * A storage's entries: a stream's octets, or what is in a storage.
 * @typedef {{ [name: string]: Buffer | Entries }} Entries
 */

const [FREE, END, FAT] = [0xffffffff, 0xfffffffe, 0xfffffffd];
const [SECTOR, SMALL, CUTOFF] = [512, 64, 4096];

/**
 * A compound file (MS-CFB, version 3).
 * @param {Entries} root
 */
export function compound(root) {
  const directory = entriesOf(root);
  /** @type {number[]} which sector follows */
  const table = [];
  /** @type {Buffer[]} */
  const sectors = [];
  const put = (/** @type {Buffer} */ octets) => chain(octets, SECTOR, table, sectors);
  /** @type {number[]} */
  const smallTable = [];
  /** @type {Buffer[]} */
  const small = [];
  for (const entry of directory) {
    if (entry.stream.length >= CUTOFF) entry.start = put(entry.stream);
    else if (entry.stream.length > 0) entry.start = chain(entry.stream, SMALL, smallTable, small);
  }
  const [top] = directory;
  if (top && small.length > 0) {
    top.stream = Buffer.concat(small);
    top.start = put(top.stream);
  }
  const directoryStart = put(Buffer.concat(directory.map(record)));
  const smallTableStart = smallTable.length > 0 ? put(u32s(smallTable, SECTOR)) : END;
  const tables = Math.ceil((table.length + 1) / (SECTOR / 4 - 1));
  const tableStart = table.length;
  for (let n = 0; n < tables; n += 1) table.push(FAT);
  const header = Buffer.alloc(SECTOR, 0xff);
  header.fill(0, 0, 76);
  Buffer.from("d0cf11e0a1b11ae1", "hex").copy(header);
  for (const [n, value] of [0x3e, 3, 0xfffe, 9, 6].entries()) header.writeUInt16LE(value, 24 + 2 * n);
  header.writeUInt32LE(tables, 44);
  header.writeUInt32LE(directoryStart, 48);
  header.writeUInt32LE(CUTOFF, 56);
  header.writeUInt32LE(smallTableStart, 60);
  header.writeUInt32LE(Math.ceil(smallTable.length / (SECTOR / 4)), 64);
  header.writeUInt32LE(END, 68);
  for (let n = 0; n < tables; n += 1) header.writeUInt32LE(tableStart + n, 76 + 4 * n);
  return Buffer.concat([header, ...sectors, u32s(table, SECTOR)]);
}

/**
 * @typedef {object} Entry
 * @property {string} name
 * @property {number} type
 * @property {Buffer} stream
 * @property {number} start
 * @property {number} right
 * @property {number} child
 */

/**
 * The directory: siblings hang on the right of one another, which a reader has to bear.
 * @param {Entries} root
 * @returns {Entry[]}
 */
function entriesOf(root) {
  /** @type {Entry[]} */
  const all = [entry("Root Entry", 5)];
  const add = (/** @type {Entry} */ parent, /** @type {Entries} */ children) => {
    /** @type {Entry | null} */
    let before = null;
    for (const [name, content] of Object.entries(children)) {
      const one = Buffer.isBuffer(content) ? entry(name, 2, content) : entry(name, 1);
      if (before) before.right = all.length;
      else parent.child = all.length;
      all.push(one);
      if (!Buffer.isBuffer(content)) add(one, content);
      before = one;
    }
  };
  add(/** @type {Entry} */ (all[0]), root);
  return all;
}

/**
 * @param {string} name
 * @param {number} type
 * @param {Buffer} [stream]
 * @returns {Entry}
 */
function entry(name, type, stream = Buffer.alloc(0)) {
  return { name, type, stream, start: END, right: FREE, child: FREE };
}

/** @param {Entry} entry */
function record({ name, type, stream, start, right, child }) {
  const octets = Buffer.alloc(128);
  octets.write(name, "utf16le");
  octets.writeUInt16LE(2 * name.length + 2, 64);
  octets.writeUInt8(type, 66);
  octets.writeUInt8(1, 67);
  for (const [n, value] of [FREE, right, child].entries()) octets.writeUInt32LE(value, 68 + 4 * n);
  octets.writeUInt32LE(start, 116);
  octets.writeUInt32LE(stream.length, 120);
  return octets;
}

/**
 * Appends a chain, backwards, so that no reader gets by without the table; returns its start.
 * @param {Buffer} octets
 * @param {number} size
 * @param {number[]} table
 * @param {Buffer[]} sectors
 */
function chain(octets, size, table, sectors) {
  let next = END;
  for (let at = Math.floor((octets.length - 1) / size) * size; at >= 0; at -= size) {
    const sector = Buffer.alloc(size);
    octets.copy(sector, 0, at, at + size);
    table.push(next);
    next = sectors.push(sector) - 1;
  }
  return next;
}

/**
 * @param {number[]} values
 * @param {number} multiple
 */
function u32s(values, multiple) {
  const octets = Buffer.alloc(Math.ceil((4 * values.length) / multiple) * multiple, 0xff);
  for (const [n, value] of values.entries()) octets.writeUInt32LE(value, 4 * n);
  return octets;
}

/**
 * A message that Outlook saved (MS-OXMSG), with another one attached to it.
 * @param {string | null} header its Internet header, in UTF-16
 * @param {{ attached?: string, ansi?: string }} [more] the attached message's header; the header in the system's charset
 */
export function msg(header, { attached, ansi } = {}) {
  const utf16 = (/** @type {string} */ text) => Buffer.from(text, "utf16le");
  return compound({
    "__nameid_version1.0": {},
    ...(attached && {
      "__attach_version1.0_#00000000": {
        "__substg1.0_3701000D": { "__substg1.0_007D001F": utf16(attached) },
      },
    }),
    "__substg1.0_0037001F": utf16("Subject"),
    ...(header !== null && { "__substg1.0_007D001F": utf16(header) }),
    ...(ansi !== undefined && { "__substg1.0_007D001E": Buffer.from(ansi, "latin1") }),
    "__properties_version1.0": Buffer.alloc(32),
  });
}

/**
 * The source of a message as Outlook for Mac keeps it (`.olk15MsgSource`).
 * @param {string} source
 */
export function macSource(source) {
  const [fixed, id, field] = [
    Buffer.from("d00d0000010000000000000000000000", "hex"),
    Buffer.alloc(16, 0x11),
    Buffer.alloc(4),
  ];
  return Buffer.concat([fixed, id, Buffer.from("crSM"), field, Buffer.from(source)]);
}
