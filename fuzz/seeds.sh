#!/usr/bin/env bash
# Makes the blocks of data/received-samples.txt, and all Received fields of theirs as one header, the fuzzers' first inputs.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p corpus/{header,stamp,relay,recognition}
awk '
    function out(name, text) { printf "%s%s", "\0", text > name; close(name) }
    /^-----$/ { if (text != "") { out("corpus/header/sample-" ++count, text); all = all text }; text = ""; next }
    !/^#/ { text = text $0 "\r\n" }
    END { out("corpus/header/sample-all", all) }
' ../data/received-samples.txt
# what a peer may choose, behind the octets by which each target chooses the rest
printf '\0\0mail.contoso.com' > corpus/stamp/name
printf '\1\0x by victim with Microsoft SMTP Server id 15.1.2507.6; Mon, 7 Sep 2026 10:00:00 +0000 (' > corpus/stamp/clauses
printf '\3\2from Pickup by EX01 with mapi id 15.01.2507.006; Mon, 7 Sep 2026 10:00:00 +0000' > corpus/stamp/mapi
printf '\0mail.contoso.com' > corpus/relay/name
printf '\2ident=10.1.0.8 helo=10.1.0.8 port=1' > corpus/relay/ident
printf '\0\0\1\0\3\0\0\2\0' > corpus/recognition/loop
printf '\1\2\3\2\2\0\377Received: from a by b with ESMTP id 1; x' > corpus/recognition/own
