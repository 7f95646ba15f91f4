//! FNV-1a: the hash by which edge, page and tests agree, and messages are told apart.

/// FNV-1a, 64 bit.
pub const fn fnv1a(bytes: &[u8]) -> u64 {
    fnv1a_from(0xcbf2_9ce4_8422_2325, bytes)
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
