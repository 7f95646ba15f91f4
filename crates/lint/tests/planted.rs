//! The facts are in order; and each fault that is planted into a copy of them is named, with its file and line.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs;
use std::path::{Path, PathBuf};

use tidegate_lint::lint;

const BUILDS: &str = "exchange-builds.csv";
const PRODUCTS: &str = "products.toml";
const MICROSOFT: &str = "baselines/microsoft.toml";
const EXPLOITED: &str = "baselines/exploited.toml";
const HOSTS: &str = "exchange-online-hosts.txt";
const SAMPLES: &str = "received-samples.txt";
const RELAYS: &str = "cases/relays.toml";
const MESSAGES: &str = "cases/messages.toml";
const OTHERS: &str = "other-mail-servers.jsonl";

/// A text of a file, once in it, what is put in its place, and what has to be said of the line where it stood.
struct Planted {
    file: &'static str,
    text: &'static str,
    instead: &'static str,
    message: &'static str,
}

const fn planted(file: &'static str, text: &'static str, instead: &'static str, message: &'static str) -> Planted {
    Planted { file, text, instead, message }
}

const PLANTED: [Planted; 47] = [
    planted(BUILDS, "product,cu,su,", "product,su,cu,", "the columns are not product,cu,su,"),
    planted(BUILDS, "2025-09-08,15.1.2507.59,", "15.1.2507.59,", "9 cells, not 10"),
    planted(BUILDS, ",15.1.2507.59,", ",15.1.2507.62,", "15.1.2507.61 stands below 15.1.2507.62"),
    planted(BUILDS, ",15.1.2507.61,", ",15.1.2507.59,", "build 15.1.2507.59 stands twice, first in line"),
    planted(BUILDS, ",15.1.2507.61,", ",15.1.2507.061,", "`15.1.2507.061` is no build of three or four numbers"),
    planted(
        BUILDS,
        "2025-09-08,15.1.2507.59,",
        "2025-08-01,15.1.2507.59,",
        "15.1.2507.59 came out before 15.1.2507.58",
    ),
    planted(BUILDS, "2025-09-08,15.1.2507.59,", "2025-9-8,15.1.2507.59,", "`2025-9-8` is neither a day nor a month"),
    planted(BUILDS, "2015-12,8.3.445.0,", "2015-13,8.3.445.0,", "`2015-13` is neither a day nor a month"),
    planted(
        BUILDS,
        "2026-06-09,15.1.2507.69,2026-10-31",
        "2026-06-09,15.1.2507.69,2026-10",
        "extended support's end `2026-10` is no day",
    ),
    planted(
        BUILDS,
        "15.1.2507.61,,su",
        "15.1.2507.61,2026-04-30,su",
        "15.1.2507.61 came out before extended support began",
    ),
    planted(BUILDS, "15.1.2507.61,,su", "15.1.2507.61,,security", "kind `security` does not fit `CU23 Oct25SU`"),
    planted(BUILDS, "15.1.2507.61,,su", "15.1.2507.61,,hu", "kind `hu` does not fit `CU23 Oct25SU`: an hu has"),
    planted(
        BUILDS,
        ",15.2.2562.49,,su,received-samples.txt n 1,",
        ",15.2.2562.49,,su,received-samples.txt n 6,",
        "not stamped in block 6",
    ),
    planted(
        BUILDS,
        "git@vger.kernel.org 2026-08-07 by",
        "git@vger.kernel.org 2026-06-07 by",
        "15.2.2562.45 cannot have been stamped on 2026-06-07",
    ),
    planted(
        BUILDS,
        "git@vger.kernel.org 2026-08-07 by ex19-06.utu.fi",
        "seen",
        "`seen` is neither owner/repository@commit:path",
    ),
    planted(BUILDS, "rafaelpfister.ch-2026-10-07,KB5129955", ",KB5129955", "15.2.2562.53 has no source"),
    planted(
        BUILDS,
        "Exchange Server SE,RTM,Aug25SU",
        "Exchange Server 2025,RTM,Aug25SU",
        "`Exchange Server 2025` is no product of products.toml",
    ),
    planted(
        BUILDS,
        "Exchange Server SE,RTM,Aug25SU",
        "Exchange Server 2019,RTM,Aug25SU",
        "15.2.2562.20 lies outside the builds of `Exchange Server 2019`",
    ),
    planted(
        PRODUCTS,
        "builds = [\"15.2\", \"15.2.2562\"]",
        "builds = [\"15.1\", \"15.2.2562\"]",
        "overlaps `Exchange Server 2016`",
    ),
    planted(
        PRODUCTS,
        "name = \"Exchange Server 2007\"",
        "name = \"Exchange Server 2010\"",
        "product `Exchange Server 2010` stands twice",
    ),
    planted(
        PRODUCTS,
        "[[product]]\nname = \"Exchange Server 5.0\"",
        "[[product]]\nname = \"Four\"\nbuilds = [\"5.0\", \"5.0.1\"]\nend_of_support = 2003-12-31\n\n[[product]]\nname = \"Exchange Server 5.0\"",
        "`Four` has no row in exchange-builds.csv",
    ),
    planted(PRODUCTS, "wave = 2023-06-23", "wave = \"2023-06\"", "`wave` is no day such as 2026-09-08"),
    planted(PRODUCTS, "wave = 2023-06-23", "waves = 2023-06-23", "`waves` is no member here"),
    planted(PRODUCTS, "superseded_after_days = 90", "superseded_after_days = 0", "is no number from 1 to 3650"),
    planted(PRODUCTS, "end_of_support = 2017-04-11", "", "`end_of_support` is missing"),
    planted(
        MICROSOFT,
        "effective = 2023-12-01",
        "effective = 2023-08-01",
        "the edition of 2023-08-01 stands below that of 2023-09-01",
    ),
    planted(MICROSOFT, "effective = 2023-12-01", "effective = 2023-12", "no TOML"),
    planted(MICROSOFT, "source = \"rafaelpfister.ch: Exchange 2010 from September 2023\"", "", "`source` is missing"),
    planted(
        MICROSOFT,
        "[\"15.1.2507.31\"]",
        "[\"15.1.2507.33\"]",
        "`15.1.2507.33` is no row of `Exchange Server 2016`",
    ),
    planted(MICROSOFT, "[\"15.1.2507.31\"]", "[\"15.1.2507.39\"]", "15.1.2507.39 is required before its release"),
    planted(MICROSOFT, "[\"15.1.2507.31\"]", "[]", "the minimum of `Exchange Server 2016` names no build"),
    planted(
        MICROSOFT,
        "\"15.2.1544.36\", ",
        "\"15.2.1748.37\", ",
        "15.2.1748.39 is a second minimum of its cumulative update",
    ),
    planted(
        MICROSOFT,
        "\"Exchange Server 2013\" = \"unsupported\"",
        "\"Exchange Server 2013\" = \"old\"",
        "is neither \"unsupported\"",
    ),
    planted(
        MICROSOFT,
        "\"Exchange Server 2013\" =",
        "\"Exchange 2013\" =",
        "`Exchange 2013` is no product of products.toml",
    ),
    planted(MICROSOFT, "name = \"microsoft\"", "name = \"strict\"", "the baseline is called `strict`, its file is not"),
    planted(EXPLOITED, "CISA KEV 2026-04-13;", "CISA KEV in April;", "the source names no hole"),
    planted(
        EXPLOITED,
        "effective = 2022-11-08\n",
        "effective = 2022-11-08\ninherits = true\n",
        "the first edition has none to inherit from",
    ),
    planted(HOSTS, "bigfish.com", "Bigfish.com", "`Bigfish.com` is no host in lower case"),
    planted(HOSTS, "\noutlook.cn\n", "\noffice365.us\n", "host `office365.us` stands twice"),
    planted(SAMPLES, "# n: 2\n", "# n: 1\n", "block 1 stands below a higher number"),
    planted(
        SAMPLES,
        "# source: GitHub-hosted public mail archive (git list, 2026-09-21)\n",
        "",
        "block 1 has no source",
    ),
    planted(
        RELAYS,
        "yields = { finding = \"server\"",
        "yields = { finding = \"exchange\"",
        "finding `exchange` is none of",
    ),
    planted(RELAYS, "build = \"15.1.1713.5\"", "build = \"15.1.1713.x\"", "`15.1.1713.x` is no build"),
    planted(
        RELAYS,
        "[[case]]\nname = \"Barracuda",
        "[[case]]\nnote = 1\nname = \"Barracuda",
        "`note` is no member here",
    ),
    planted(
        RELAYS,
        "envelope-from <a@example.org>",
        "envelope-from <jo.doe@contoso.com>",
        "the address of `jo.doe` is personal",
    ),
    planted(MESSAGES, "messages/21-cr-only.mbox", "messages/22.mbox", "there is no file cases/messages/22.mbox"),
    planted(OTHERS, "\"product\": \"Exim\", ", "", "`product` is missing or no text"),
];

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data")
}

#[test]
fn the_facts_are_in_order() {
    let faults: Vec<_> = lint(&data()).iter().map(ToString::to_string).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_planted_fault_is_named_with_its_line() {
    let folder = std::env::temp_dir().join(format!("tidegate-lint-{}", std::process::id()));
    copy(&data(), &folder);
    let mut missed = Vec::new();
    for Planted { file, text, instead, message } in &PLANTED {
        let path = folder.join(file);
        let sound = fs::read_to_string(&path).unwrap();
        let (before, after) = sound.split_once(text).unwrap_or_else(|| panic!("{file} does not hold `{text}`"));
        fs::write(&path, format!("{before}{instead}{after}")).unwrap();
        let faults = lint(&folder);
        let line = before.matches('\n').count() + 1;
        // a member that is missing is told where its table begins, and an order where the next row stands
        let near = |found: usize| found.abs_diff(line) <= 8;
        let named = |fault: &&tidegate_lint::Fault| fault.file == *file && near(fault.line);
        if !faults.iter().filter(named).any(|fault| fault.message.contains(message)) {
            let found: Vec<_> = faults.iter().map(ToString::to_string).collect();
            missed.push(format!("{file}:{line}: `{message}` was expected, found: {}", found.join(" | ")));
        }
        fs::write(&path, sound).unwrap();
    }
    fs::remove_dir_all(&folder).unwrap();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}
