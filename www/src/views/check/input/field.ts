/** Lines of a header: which are fields. */

/** Whether it begins with a field's name and a colon (RFC 5322, section 2.2), as the engine takes it. */
export function isField(line: Uint8Array): boolean {
  let end = line.indexOf(0x3a);
  while (end > 0 && (line[end - 1] === 0x20 || line[end - 1] === 0x09)) end -= 1;
  if (end <= 0) return false;
  for (let at = 0; at < end; at += 1) {
    const octet = line[at] ?? 0;
    if (octet <= 0x20 || octet >= 0x7f) return false;
  }
  return true;
}

/**
 * Whether it certainly begins a field, and does not go on with one whose blanks were lost: `11:10:51 -0400` and
 * `fe80::1) with …` do not.
 */
export function beginsField(line: string): boolean {
  return /^[a-z][\w-]{0,76}[ \t]{0,8}:(?:[ \t]|$)/i.test(line) || COMPACT.test(line);
}

const COMPACT =
  /^(?:received|from|to|cc|subject|date|message-id|return-path|delivered-to|reply-to|mime-version|(?:x|arc|content|dkim|authentication)-[\w-]{1,76}):/i;
