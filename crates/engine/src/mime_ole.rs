//! What `X-MimeOLE` tells of the Exchange 2000 or 2003 that produced a message, whose own hops show no build.
//!
//! A hint for people who check a header, and never part of a decision: any server or client upstream may have written
//! the field, it says nothing of the connecting server, and Exchange 2007 still wrote `V6.5`.

use crate::build::Build;
use crate::catalog::{Catalog, Product, Release};
use crate::header::Header;

/// What the topmost `X-MimeOLE` field names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProducedBy<'a> {
    /// Exchange 2000 or 2003.
    pub product: &'a Product,
    /// `None` where only the version stands there, as in `V6.5`.
    pub build: Option<Build>,
    /// The row of the catalog for the build. Builds of these products do not rise with time, so that no row stands for
    /// a build of another lane.
    pub release: Option<&'a Release>,
}

/// Reads `X-MimeOLE: Produced By Microsoft Exchange V6.5.7226.0`. `None` for other software, such as Outlook Express
/// (`Microsoft MimeOLE V6.00…`), and for versions that never wrote the field.
pub fn produced_by<'a>(header: &Header<'_>, catalog: &'a Catalog) -> Option<ProducedBy<'a>> {
    let field = header.fields().find(|field| field.name.eq_ignore_ascii_case(b"x-mimeole"))?;
    let mut words = field.value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    for expected in ["produced", "by", "microsoft", "exchange"] {
        words.next().filter(|word| word.eq_ignore_ascii_case(expected.as_bytes()))?;
    }
    let version = words.next().filter(|_| words.next().is_none())?;
    let version = version.strip_prefix(b"V").or_else(|| version.strip_prefix(b"v"))?;
    let parts = version.iter().filter(|octet| **octet == b'.').count() + 1;
    let build = Build::parse_padded(std::str::from_utf8(version).ok()?).ok()?;
    if build.major != 6 || parts < 2 {
        return None;
    }
    let known = catalog.look_up(build)?;
    let build = (parts > 2).then_some(build);
    let release = known.release.filter(|release| build.is_some_and(|build| build.lane() == release.build.lane()));
    Some(ProducedBy { product: known.product, build, release })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchange_2000_and_2003_are_told_and_nothing_else() {
        let catalog = Catalog::built_in();
        let produced_by = |value: &str| {
            let header = Header::Block(format!("Subject: x\r\nx-mimeole: {value}\r\n").into_bytes().into());
            let found = produced_by(&header, &catalog)?;
            let words = [
                Some(found.product.name.to_string()),
                found.release.map(|row| row.cu.to_string()),
                found.build.map(|build| build.to_string()),
            ];
            Some(words.into_iter().flatten().collect::<Vec<_>>().join(" "))
        };
        let exchange = "Produced By Microsoft Exchange";
        let told = |version: &str| produced_by(&format!("{exchange} {version}"));
        assert_eq!(told("V6.5.7226.0"), Some("Exchange Server 2003 SP1 6.5.7226.0".into()));
        assert_eq!(told("V6.5"), Some("Exchange Server 2003".into()));
        assert_eq!(told("V6.0.6487.1"), Some("Exchange 2000 Server SP3 6.0.6487.1".into()));
        assert_eq!(told("V6.5.7638.1"), Some("Exchange Server 2003 6.5.7638.1".into()), "a lane without a row");
        assert_eq!(produced_by(" produced\r\n\tby microsoft  exchange\r\n v6.0"), Some("Exchange 2000 Server".into()));
        for none in ["V6", "V15.1.2507.6", "V6.5.7226.0.1", "V6.5.", "V6.5.99999.0", "6.5", "V", "V6.5 V6.5", ""] {
            assert_eq!(told(none), None, "{none}");
        }
        for none in [
            "Produced By Microsoft MimeOLE V6.00.2900.2180",
            "Microsoft Exchange V6.5",
            "",
            "\0\u{ff}(",
            &"V6.5".repeat(9_999),
        ] {
            assert_eq!(produced_by(none), None, "{none}");
        }
    }
}
