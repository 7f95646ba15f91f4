#!/usr/bin/env bash
# Makes the blocks of data/received-samples.txt, and all Received fields of theirs as one header, the fuzzers' first inputs.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p corpus/header
awk '
    function out(name, text) { printf "%s%s", "\0", text > name; close(name) }
    /^-----$/ { if (text != "") { out("corpus/header/sample-" ++count, text); all = all text }; text = ""; next }
    !/^#/ { text = text $0 "\r\n" }
    END { out("corpus/header/sample-all", all) }
' ../data/received-samples.txt
