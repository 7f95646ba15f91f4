/** Why a file cannot be read. */
import type { FileKind } from "../tidegate.js";

/** A kind of file whose header has to be got out of it by other means. */
export type UnfitKind =
  | Exclude<FileKind, "gzip" | "compound">
  /** A `.msg` file without the Internet header */
  | "msg"
  /** An archive of Outlook for Mac, `.olm` */
  | "olm";

export class Unfit extends Error {
  constructor(readonly kind: UnfitKind) {
    super(kind);
  }
}

/** It was changed or removed since it was chosen, or may not be read. */
export class Unreadable extends Error {}

/** What is compressed breaks off, or is not what it says. */
export class Damaged extends Error {}
