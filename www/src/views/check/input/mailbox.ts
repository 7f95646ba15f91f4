/**
 * Finds the header of each message in a mailbox that comes in pieces: an mbox (RFC 4155) in all its dialects, or MMDF.
 *
 * A message begins with a `From ` line above a field. Below an empty line any will do; elsewhere only one that is dated
 * or bare, as the mailbox's first is: some writers leave that empty line out. Content-Length (mboxcl2) is believed if a
 * message, or the mailbox's end, stands where it says. Lines end with LF, CR LF, CR CR LF, or all with CR.
 */
import { isField } from "./field";
import { Gathered } from "./octets";

const LF = 0x0a;
const CR = 0x0d;
/** Octets of a header that are held: more than the engine reads, so that it can say that it was cut */
export const MAX_HEADER = 257 * 1024;
/** Octets of headers that are held until a Content-Length proves right */
const MAX_DOUBTFUL = 1 << 20;
/** Lines, each empty, between a `From ` line and its header */
const MAX_EMPTY = 3;
/** Lines at a file's start that belong to no message */
const MAX_BANNER = 100;
/** Octets of a `From ` line that are looked at */
const MAX_ENVELOPE = 256;

/** `other`: perhaps prose; `git`: a patch's first line, of which a body may be full; `mmdf`: four times ^A. */
type Envelope = "dated" | "bare" | "git" | "mmdf" | "other";

/** Where the mailbox begins in a file that begins with `head`; null: it is no mailbox. Banners may stand above. */
export function findMailbox(head: Uint8Array): number | null {
  let banner = 0;
  let found: { at: number; near: boolean } | null = null;
  for (const { line, at } of lines(head)) {
    if (line.length === 0) continue;
    if (found && (isField(line) || isQuoted(line))) return found.at;
    // one line that is no field may stand between
    if (found?.near) found.near = false;
    else found = null;
    const envelope = envelopeOf(line);
    if (envelope === "mmdf") return at;
    // prose above a field is no mailbox, unless the file begins with it
    if (envelope && (banner === 0 || envelope !== "other")) found = { at, near: true };
    else if (!found && isField(line)) return null;
    banner += 1;
    if (banner > MAX_BANNER) return null;
  }
  return null;
}

function* lines(octets: Uint8Array): Generator<{ line: Uint8Array; at: number }> {
  const eol = lineEnd(octets);
  for (let at = 0; at < octets.length; ) {
    const next = octets.indexOf(eol, at);
    const end = next < 0 ? octets.length : next;
    yield { line: octets.subarray(at, withoutReturns(octets, at, end)), at };
    at = end + 1;
  }
}

function lineEnd(head: Uint8Array): number {
  return head.includes(LF) ? LF : CR;
}

/** Where a line ends, if CR before its end belongs to that. */
function withoutReturns(octets: Uint8Array, start: number, lineEnds: number): number {
  let end = lineEnds;
  while (end > start && octets[end - 1] === CR) end -= 1;
  return end;
}

function isQuoted(line: Uint8Array): boolean {
  return line[0] === 0x3e && envelopeOf(line.subarray(1)) !== null;
}

function envelopeOf(line: Uint8Array): Envelope | null {
  if (line.length === 4 && line.every((octet) => octet === 1)) return "mmdf";
  if (line[0] !== 0x46 || line[1] !== 0x72 || line[2] !== 0x6f || line[3] !== 0x6d) return null;
  if (line.length > 4 && line[4] !== 0x20) return null;
  const text = String.fromCharCode(...line.subarray(5, MAX_ENVELOPE)).trim();
  if (text === "") return "bare";
  if (/^[0-9a-f]{40,64} Mon Sep 17 00:00:00 2001/.test(text)) return "git";
  return /\d:\d\d/.test(text) && /(?:19|20)\d\d/.test(text) ? "dated" : "other";
}

export class Mailbox {
  readonly #each: (header: Uint8Array) => void;
  readonly #eol: number;
  /** The mailbox's first, which the others are like */
  #first: Envelope | null = null;
  #state: "body" | "begin" | "header" = "body";
  /** Of the message that begins */
  #envelope: Envelope = "other";
  #skipped = { empty: 0, other: 0 };
  #belowEmpty = true;
  /** The line in which a piece ended */
  readonly #line = new Gathered(MAX_HEADER);
  readonly #header = new Gathered(MAX_HEADER);
  /** Octets before the line at hand, and before the one below it */
  #at = 0;
  #next = 0;
  /** Octets of the body, as the header says */
  #length: number | null = null;
  /** Where the body ends, if Content-Length is right, and what looks like headers before that */
  #claim: { end: number; reached: boolean; headers: Uint8Array[]; held: number } | null = null;

  /** `head`: its first octets, which tell how lines end. `each` gets a header's lines, ended by LF; they hold for the call. */
  constructor(head: Uint8Array, each: (header: Uint8Array) => void) {
    this.#eol = lineEnd(head);
    this.#each = each;
  }

  push(piece: Uint8Array): void {
    for (let start = 0; start < piece.length; ) {
      const end = piece.indexOf(this.#eol, start);
      if (end < 0) {
        this.#line.add(piece.subarray(start));
        this.#next += piece.length - start;
        return;
      }
      this.#next += end + 1 - start;
      if (this.#line.length > 0) {
        this.#line.add(piece.subarray(start, end));
        this.#take(this.#line.octets, 0, this.#line.length);
        this.#line.clear();
      } else {
        this.#take(piece, start, end);
      }
      this.#at = this.#next;
      start = end + 1;
    }
  }

  finish(): void {
    if (this.#line.length > 0) this.#take(this.#line.octets, 0, this.#line.length);
    // the last line's end is missing at times
    const confirmed = this.#claim !== null && this.#next >= this.#claim.end - 2;
    if (confirmed) this.#claim = null;
    else this.#release();
    if (!confirmed && this.#state === "header") this.#endHeader();
  }

  #take(octets: Uint8Array, start: number, lineEnds: number): void {
    const end = withoutReturns(octets, start, lineEnds);
    const empty = start === end;
    // most lines of a mailbox are decided by their first octet
    const octet = octets[start];
    const envelope =
      !empty && (octet === 0x46 || octet === 1) ? envelopeOf(octets.subarray(start, end)) : null;
    if (this.#claim && this.#at >= this.#claim.end) this.#settle(empty, envelope);
    if (envelope && this.#separates(envelope)) {
      if (this.#state === "header") this.#endHeader();
      this.#begin(envelope);
    } else if (this.#state === "begin") this.#beginning(octets.subarray(start, end));
    else if (this.#state === "header") {
      if (empty) this.#endHeader();
      else this.#hold(octets.subarray(start, end));
    }
    this.#belowEmpty = empty;
  }

  #separates(envelope: Envelope): boolean {
    if (envelope === "mmdf" || this.#first === null) return true;
    // in MMDF the line of four ^A alone separates; a `From ` line may follow it
    if (this.#first === "mmdf") return false;
    if (envelope === "git" && this.#first !== "git") return false;
    const strong = envelope !== "other" && envelope === this.#first;
    return strong || (this.#state === "body" && this.#belowEmpty) || this.#state === "begin";
  }

  #begin(envelope: Envelope): void {
    this.#first ??= envelope;
    this.#state = "begin";
    this.#envelope = envelope;
    this.#skipped = { empty: 0, other: 0 };
  }

  /** Between a `From ` line and the header's first field an empty line or a banner may stand, or another `From ` line. */
  #beginning(line: Uint8Array): void {
    if (isField(line)) {
      this.#state = "header";
      this.#hold(line);
      return;
    }
    if (isQuoted(line)) return;
    const { empty, other } = this.#skipped;
    if (this.#envelope === "other") this.#state = "body";
    else if (line.length === 0 && empty < MAX_EMPTY) this.#skipped.empty += 1;
    else if (line.length > 0 && empty === 0 && other < 1) this.#skipped.other += 1;
    else this.#state = "body";
  }

  #hold(line: Uint8Array): void {
    this.#header.add(line);
    this.#header.add(NEWLINE);
    const c = line[0] === 0x43 || line[0] === 0x63;
    if (c && line.length < 40) this.#length = contentLength(line) ?? this.#length;
  }

  #endHeader(): void {
    const claim = this.#claim;
    if (claim) {
      claim.headers.push(this.#header.octets.slice());
      claim.held += this.#header.length;
      if (claim.held > MAX_DOUBTFUL) this.#release();
    } else {
      this.#each(this.#header.octets);
      if (this.#length !== null && this.#first !== "mmdf")
        this.#claim = { end: this.#next + this.#length, reached: false, headers: [], held: 0 };
    }
    this.#reset();
  }

  #reset(): void {
    this.#header.clear();
    this.#length = null;
    this.#state = "body";
  }

  /** The body has reached its end, as Content-Length says: a message begins here, or it is wrong. */
  #settle(empty: boolean, envelope: Envelope | null): void {
    const claim = this.#claim;
    if (!claim) return;
    // it may leave out the end of the last line
    const exact = claim.reached || this.#at <= claim.end + 2;
    claim.reached = true;
    if (exact && empty) return;
    if (exact && envelope && envelope !== "other") {
      this.#claim = null;
      this.#reset();
      this.#belowEmpty = true;
    } else {
      this.#release();
    }
  }

  /** Content-Length is wrong: what looked like headers is taken for such. */
  #release(): void {
    const headers = this.#claim?.headers ?? [];
    this.#claim = null;
    headers.forEach(this.#each);
  }
}

const NEWLINE = Uint8Array.of(LF);

function contentLength(line: Uint8Array): number | null {
  const digits = /^content-length[ \t]*:[ \t]*(\d{1,15})[ \t]*$/i.exec(String.fromCharCode(...line))?.[1];
  return digits === undefined ? null : Number(digits);
}
