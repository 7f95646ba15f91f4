/**
 * The text form of Cap'n Proto values, as far as a workerd configuration needs it.
 */

/**
 * A value that is written as it stands, such as `embed "file"`, `void` or `true`.
 */
export class Raw {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }
}

export const VOID = new Raw("void");

/** @param {string} file a path relative to the configuration */
export function embed(file) {
  return new Raw(`embed ${quote(file)}`);
}

/**
 * Strings are quoted, arrays become lists and objects become structs; fields that are undefined are left out.
 * @param {unknown} value
 * @returns {string}
 */
export function toCapnp(value) {
  if (value instanceof Raw) return value.text;
  if (typeof value === "string") return quote(value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return `[ ${value.map(toCapnp).join(", ")} ]`;
  if (typeof value !== "object" || value === null) throw new TypeError(`no Cap'n Proto form for ${value}`);
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return fields.length === 0
    ? "()"
    : `( ${fields.map(([name, f]) => `${name} = ${toCapnp(f)}`).join(", ")} )`;
}

/**
 * @param {string} text
 * @returns {string}
 */
function quote(text) {
  let quoted = "";
  for (const byte of Buffer.from(text)) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
    quoted += plain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return `"${quoted}"`;
}
