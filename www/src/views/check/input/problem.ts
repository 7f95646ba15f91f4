/** Why a file cannot be read. */

/** Kinds of files whose header has to be got out of them by other means; nothing.tsx says by which. */
export type UnfitKind =
  /** Outlook's data file, `.pst` or `.ost` */
  | "pst"
  /** A `.msg` file without the Internet header */
  | "msg"
  /** `winmail.dat`, TNEF */
  | "winmail"
  /** A record of Outlook for Mac that holds no source */
  | "mac"
  /** An archive of Outlook for Mac, `.olm` */
  | "olm"
  /** A `.zip` file in which no mail can be read */
  | "zip"
  /** Compressed, or an archive, in another way */
  | "packed"
  /** PDF, RTF, HTML, Word … */
  | "document"
  /** JSON that has no header fields in it */
  | "json";

export class Unfit extends Error {
  constructor(readonly kind: UnfitKind) {
    super(kind);
  }
}

/** It was changed or removed since it was chosen, or may not be read. */
export class Unreadable extends Error {}

/** What is compressed breaks off, or is not what it says. */
export class Damaged extends Error {}
