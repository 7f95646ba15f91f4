//! What kind of file it is, by what it begins with.

/// Octets of a file's start that tell its kind.
pub const TELLING: usize = 512;
/// Octets in front of the message in [`Kind::MacSource`].
pub const MAC_PREFIX: usize = 40;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Text,
    /// The source of a message as Outlook for Mac keeps it
    MacSource,
    /// What cannot be read as it comes
    Unfit(Unfit),
}

/// Its name, as `types.d.ts` lists them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unfit(&'static str);

impl Unfit {
    pub const DOCUMENT: Self = Self("document");
    pub const JSON: Self = Self("json");
    const PACKED: Self = Self("packed");

    pub fn as_str(self) -> &'static str {
        self.0
    }
}

struct Sign {
    at: usize,
    octets: &'static [u8],
    kind: Kind,
}

const fn unfit(octets: &'static [u8], kind: Unfit) -> Sign {
    Sign { at: 0, octets, kind: Kind::Unfit(kind) }
}

const SIGNS: [Sign; 16] = [
    unfit(b"\x1f\x8b\x08", Unfit("gzip")),
    unfit(b"PK\x03\x04", Unfit("zip")),
    unfit(b"PK\x05\x06", Unfit("zip")), // an empty one
    unfit(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Unfit("compound")),
    // .olk14MsgSource, .olk15MsgSource: 16 octets, an identifier of 16, "MSrc" turned round, 4 octets, the message
    Sign { at: 32, octets: b"crSM", kind: Kind::MacSource },
    unfit(b"\xd0\x0d\0\0", Unfit("mac")),
    unfit(b"!BDN", Unfit("pst")),
    unfit(b"\x78\x9f\x3e\x22", Unfit("winmail")),
    unfit(b"BZh", Unfit::PACKED),
    unfit(b"\xfd7zX", Unfit::PACKED),          // xz
    unfit(b"\x28\xb5\x2f\xfd", Unfit::PACKED), // zstd
    unfit(b"7z\xbc\xaf", Unfit::PACKED),
    unfit(b"Rar!\x1a", Unfit::PACKED),
    Sign { at: 257, octets: b"ustar", kind: Kind::Unfit(Unfit::PACKED) }, // tar
    unfit(b"%PDF", Unfit::DOCUMENT),
    unfit(b"{\\rtf", Unfit::DOCUMENT),
];

impl Kind {
    pub fn of(head: &[u8]) -> Self {
        let fits = |sign: &&Sign| head.get(sign.at..).is_some_and(|head| head.starts_with(sign.octets));
        SIGNS.iter().find(fits).map_or(Self::Text, |sign| sign.kind)
    }
}
