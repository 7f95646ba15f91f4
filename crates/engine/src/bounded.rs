//! Lists that are read up to a bound.

use serde::{Deserialize, Deserializer};

/// Reads a list of at most `MOST` entries; a longer one is an error.
pub(crate) fn at_most<'de, D: Deserializer<'de>, T: Deserialize<'de>, const MOST: usize>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let list = Vec::<T>::deserialize(deserializer)?;
    if list.len() > MOST {
        return Err(serde::de::Error::custom(format_args!("at most {MOST} entries")));
    }
    Ok(list)
}
