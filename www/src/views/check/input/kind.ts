/** What kind of file it is, by what it begins with. */
import { Unfit, type UnfitKind } from "./problem";

/** Octets of a file's start that tell its kind */
export const TELLING = 512;

/** `mac`: the source of a message as Outlook for Mac keeps it; `ole`: a compound file, `.msg` or other; else it is text. */
export type Kind = "gzip" | "zip" | "ole" | "mac" | "text";

const SIGNS: [kind: Kind | Unfit, start: number[], at?: number][] = [
  ["gzip", [0x1f, 0x8b, 8]],
  ["zip", [0x50, 0x4b, 3, 4]],
  ["zip", [0x50, 0x4b, 5, 6]], // an empty one
  ["ole", [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]],
  // .olk14MsgSource, .olk15MsgSource: 16 octets, an identifier of 16, "MSrc" turned round, 4 octets, the message
  ["mac", [0x63, 0x72, 0x53, 0x4d], 32],
  unfit("mac", [0xd0, 0x0d, 0, 0]),
  unfit("pst", [0x21, 0x42, 0x44, 0x4e]),
  unfit("winmail", [0x78, 0x9f, 0x3e, 0x22]),
  unfit("packed", [0x42, 0x5a, 0x68]), // bzip2
  unfit("packed", [0xfd, 0x37, 0x7a, 0x58]), // xz
  unfit("packed", [0x28, 0xb5, 0x2f, 0xfd]), // zstd
  unfit("packed", [0x37, 0x7a, 0xbc, 0xaf]), // 7z
  unfit("packed", [0x52, 0x61, 0x72, 0x21, 0x1a]), // rar
  unfit("packed", [0x75, 0x73, 0x74, 0x61, 0x72], 257), // tar
  unfit("document", [0x25, 0x50, 0x44, 0x46]), // PDF
  unfit("document", [0x7b, 0x5c, 0x72, 0x74, 0x66]), // RTF
];

/** Octets in front of the message in what is of the kind `mac` */
export const MAC_PREFIX = 40;

/** Throws `Unfit` where the kind cannot be read. */
export function kindOf(head: Uint8Array): Kind {
  const sign = SIGNS.find(([, octets, at = 0]) => octets.every((octet, n) => head[at + n] === octet));
  const kind = sign?.[0] ?? "text";
  if (kind instanceof Unfit) throw kind;
  return kind;
}

function unfit(kind: UnfitKind, start: number[], at = 0): [Unfit, number[], number] {
  return [new Unfit(kind), start, at];
}
