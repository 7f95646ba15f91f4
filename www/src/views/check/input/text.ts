/** Text that comes in pieces: a mailbox, which is read as it comes, or one message, of which the beginning is held. */
import { headerText } from "./header-text";
import { jsonHeaders } from "./json";
import { findMailbox, Mailbox } from "./mailbox";
import { Gathered } from "./octets";
import { Unfit } from "./problem";

/** Octets in which a mailbox begins, if it is one */
const MAILBOX_HEAD = 64 * 1024;
/** Octets in which a message's header ends */
const MESSAGE_HEAD = 1 << 20;
/** Octets of JSON */
const MAX_JSON = 16 << 20;

export interface Sink {
  /** A message's header: lines ended by LF, the first of them a field's. They hold for the call. */
  header: (lines: Uint8Array) => void;
  /** Lines of a header had to be put together. */
  mended: () => void;
}

export class Text {
  readonly #sink: Sink;
  readonly #head = new Gathered(MAX_JSON);
  #decode: ((octets: Uint8Array) => Uint8Array) | null = null;
  #mailbox: Mailbox | null = null;
  /** Octets of the head that are asked for; null as long as it may be a mailbox */
  #most: number | null = null;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** Says whether more is asked for. */
  push(octets: Uint8Array): boolean {
    this.#decode ??= decoder(octets);
    const piece = this.#decode(octets);
    if (this.#mailbox) {
      this.#mailbox.push(piece);
      return true;
    }
    this.#head.add(piece);
    if (this.#most === null && this.#head.length >= MAILBOX_HEAD) this.#decide();
    return this.#most === null || this.#head.length < this.#most;
  }

  /** Throws `Unfit`. */
  finish(): void {
    if (this.#mailbox) this.#mailbox.finish();
    else if (this.#most !== null || !this.#smallMailbox()) this.#message();
  }

  #decide(): void {
    const head = this.#head.octets;
    const start = findMailbox(head);
    if (start === null) {
      this.#most = isJson(head) ? MAX_JSON : MESSAGE_HEAD;
    } else {
      this.#mailbox = new Mailbox(head, this.#sink.header);
      this.#mailbox.push(head.subarray(start));
      this.#head.clear();
    }
  }

  /** One of a single message is read as that, since it may have been pasted. */
  #smallMailbox(): boolean {
    const head = this.#head.octets;
    const start = findMailbox(head);
    if (start === null) return false;
    const headers: Uint8Array[] = [];
    const mailbox = new Mailbox(head, (lines) => headers.push(lines.slice()));
    mailbox.push(head.subarray(start));
    mailbox.finish();
    if (headers.length > 1) headers.forEach(this.#sink.header);
    return headers.length > 1;
  }

  #message(): void {
    const head = this.#head.octets;
    const text = new TextDecoder().decode(head.subarray(0, this.#most ?? head.length));
    if (/^\s{0,99}<(?:!doctype html|html|\?xml)\b/i.test(text)) throw new Unfit("document");
    const headers = isJson(head) ? jsonHeaders(text) : null;
    if (headers?.length === 0) throw new Unfit("json");
    const found = headers === null ? headerText(text) : null;
    for (const lines of headers ?? (found ? [found.text] : [])) {
      this.#sink.header(new TextEncoder().encode(lines));
    }
    if (found?.mended) this.#sink.mended();
  }
}

function isJson(head: Uint8Array): boolean {
  const first = head.find((octet) => octet > 0x20);
  return first !== undefined && '{["'.includes(String.fromCharCode(first));
}

/** UTF-16, in which Windows likes to save text, comes as UTF-8; a byte order mark goes. */
function decoder(first: Uint8Array): (octets: Uint8Array) => Uint8Array {
  const begins = (...sign: number[]) => sign.every((octet, at) => first[at] === octet);
  if (begins(0xff, 0xfe) || begins(0xfe, 0xff)) {
    const text = new TextDecoder(begins(0xff) ? "utf-16le" : "utf-16be");
    const encoder = new TextEncoder();
    return (octets) => encoder.encode(text.decode(octets, { stream: true }));
  }
  const mark = begins(0xef, 0xbb, 0xbf) ? first : null;
  return (octets) => (octets === mark ? octets.subarray(3) : octets);
}
