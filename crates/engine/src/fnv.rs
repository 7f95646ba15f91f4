//! FNV-1a: the hash by which edge, page and tests agree, and messages are told apart.

/// The state of the hash before the first octet.
pub(crate) const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, 64 bit.
pub const fn fnv1a(bytes: &[u8]) -> u64 {
    fnv1a_from(FNV_START, bytes)
}

/// FNV-1a that goes on from `state`.
pub(crate) const fn fnv1a_from(state: u64, bytes: &[u8]) -> u64 {
    let (mut hash, mut rest) = (state, bytes);
    while let Some((byte, after)) = rest.split_first() {
        hash = (hash ^ *byte as u64).wrapping_mul(0x0000_0100_0000_01b3);
        rest = after;
    }
    hash
}
