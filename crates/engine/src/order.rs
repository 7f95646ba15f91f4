//! Ordered lists. The standard library's sorts cost 40 KB of WebAssembly; the lists here are short, or come in order.

/// Puts `item` into `list`, which is ordered by `key`, behind its equals.
pub(crate) fn insert<T, K: Ord>(list: &mut Vec<T>, item: T, key: impl Fn(&T) -> K) {
    let own = key(&item);
    let at = list.partition_point(|other| key(other) <= own);
    list.insert(at, item);
}

/// The items in the order of `key`.
pub fn order_by_key<T, K: Ord>(items: impl IntoIterator<Item = T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut list = Vec::new();
    for item in items {
        insert(&mut list, item, &key);
    }
    list
}
