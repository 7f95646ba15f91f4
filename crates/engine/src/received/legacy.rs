//! What Exchange 5.5, 2000 and 2003 write, which tells the product at most.

use super::Stamp;
use super::clauses::Clauses;
use crate::build::Build;

/// What an older Exchange shows.
pub(super) struct Legacy {
    pub(super) build: Stamp,
    /// Plain IIS writes the same.
    pub(super) also_by_iis: bool,
}

/// Reads the clauses of a field as one of
///
/// ```text
/// by HOST with Internet Mail Service (5.5.2653.19) …                     Exchange 5.5
/// by HOST … with Microsoft SMTPSVC(6.0.3790.4675) …                      Windows 2000 or 2003, Exchange or not
/// by HOST … via … with Microsoft Exchange Server HTTP-DAV …              Exchange 2000 or 2003, webmail
/// ```
pub(super) fn read(clauses: &Clauses<'_>) -> Option<Legacy> {
    let with = &clauses.with;
    if clauses.by.count != 1 || clauses.has_repeated {
        return None;
    }
    if with.is(&["Internet", "Mail", "Service"]) {
        let build = with.comment.and_then(Build::from_bytes).filter(|build| build.major == 5)?;
        return Some(Legacy { build: Stamp::Build(build), also_by_iis: false });
    }
    if with.is(&["Microsoft", "SMTPSVC"]) && with.comment.is_some_and(is_windows_2000_or_2003) {
        return Some(Legacy { build: Stamp::Absent, also_by_iis: true });
    }
    let dav = with.is(&["Microsoft", "Exchange", "Server", "HTTP-DAV"]);
    dav.then_some(Legacy { build: Stamp::Absent, also_by_iis: false })
}

/// The version of the SMTP service of Windows 2000 and 2003, which Exchange 2000 and 2003 used as their own. Later
/// ones belong to plain IIS.
fn is_windows_2000_or_2003(version: &[u8]) -> bool {
    version.starts_with(b"5.0.2195.") || version.starts_with(b"6.0.3790.")
}
