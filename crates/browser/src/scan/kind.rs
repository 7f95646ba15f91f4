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

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unfit {
    Gzip,
    Zip,
    Compound,
    MacRecord,
    Pst,
    Winmail,
    Packed,
    Document,
    Json,
}

impl Unfit {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zip => "zip",
            Self::Compound => "compound",
            Self::MacRecord => "mac",
            Self::Pst => "pst",
            Self::Winmail => "winmail",
            Self::Packed => "packed",
            Self::Document => "document",
            Self::Json => "json",
        }
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
    unfit(b"\x1f\x8b\x08", Unfit::Gzip),
    unfit(b"PK\x03\x04", Unfit::Zip),
    unfit(b"PK\x05\x06", Unfit::Zip), // an empty one
    unfit(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Unfit::Compound),
    // .olk14MsgSource, .olk15MsgSource: 16 octets, an identifier of 16, "MSrc" turned round, 4 octets, the message
    Sign { at: 32, octets: b"crSM", kind: Kind::MacSource },
    unfit(b"\xd0\x0d\0\0", Unfit::MacRecord),
    unfit(b"!BDN", Unfit::Pst),
    unfit(b"\x78\x9f\x3e\x22", Unfit::Winmail),
    unfit(b"BZh", Unfit::Packed),
    unfit(b"\xfd7zX", Unfit::Packed),          // xz
    unfit(b"\x28\xb5\x2f\xfd", Unfit::Packed), // zstd
    unfit(b"7z\xbc\xaf", Unfit::Packed),
    unfit(b"Rar!\x1a", Unfit::Packed),
    Sign { at: 257, octets: b"ustar", kind: Kind::Unfit(Unfit::Packed) }, // tar
    unfit(b"%PDF", Unfit::Document),
    unfit(b"{\\rtf", Unfit::Document),
];

impl Kind {
    pub fn of(head: &[u8]) -> Self {
        let fits = |sign: &&Sign| head.get(sign.at..).is_some_and(|head| head.starts_with(sign.octets));
        SIGNS.iter().find(fits).map_or(Self::Text, |sign| sign.kind)
    }
}
