//! One stored document: its value as this release knows it, and the rest.

use std::ops::{Deref, DerefMut};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use tidegate_wire::place::{self, Step, Wrong};

use crate::rest::{Rest, remove};

/// The number of this release as a reader of stored documents; 1 was the first one that kept any. 3 honours a key's
/// expiry and networks.
pub const READER: u64 = 3;

/// The member that names the least reader which may enforce by a document. Absent: any.
const NEEDS: &str = "needs";
/// Kinds of members, and single values, that are set aside before a document counts as unreadable.
const MAX_SET_ASIDE: usize = 64;

/// A value that is stored as JSON, and what else its JSON holds.
///
/// The type `T` has to refuse members that it does not know (`#[serde(deny_unknown_fields)]`): that is how they are found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document<T> {
    value: T,
    rest: Option<Box<Rest>>,
}

/// A document that is no JSON, or lacks what this release cannot do without.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unreadable(pub String);

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unreadable {}

impl<T: DeserializeOwned + Serialize> Document<T> {
    /// Reads a document, whichever release wrote it.
    ///
    /// Members that this release does not know are set aside. So are values that it does not know, where it can do
    /// without them; the document then is not understood.
    ///
    /// # Errors
    /// It is no JSON, or what this release cannot do without is missing or unknown.
    pub fn read(json: &str) -> Result<Self, Unreadable> {
        match place::read(json.as_bytes()) {
            Ok(value) => Ok(Self { value, rest: None }),
            Err(_) => Self::read_in_part(json),
        }
    }

    fn read_in_part(json: &str) -> Result<Self, Unreadable> {
        let unreadable = |error: &dyn std::fmt::Display| Unreadable(error.to_string());
        let mut document: Value = serde_json::from_str(json).map_err(|error| unreadable(&error))?;
        let mut rest = Rest::default();
        if let Some(needs) = remove(&mut document, &[Step::Member(NEEDS.to_owned())]) {
            rest.needs = Some(needs.as_u64().unwrap_or(u64::MAX));
        }
        for _ in 0..MAX_SET_ASIDE {
            let text = serde_json::to_string(&document).map_err(|error| unreadable(&error))?;
            let misread = match place::read(text.as_bytes()) {
                Ok(value) => {
                    rest.read_as = to_value(&value)?;
                    return Ok(Self { value, rest: Some(Box::new(rest)) });
                }
                Err(misread) => misread,
            };
            let mut place = misread.place.as_slice();
            if misread.wrong == Wrong::UnknownMember && rest.set_aside_in_all(&mut document, place) {
                continue;
            }
            if misread.wrong == Wrong::MissingMember {
                // what lacks it cannot be read as a whole
                place = place.split_last().map_or(&[], |(_, object)| object);
            }
            rest.is_understood = false;
            let (place, json) = std::iter::successors(Some(place), |place| place.split_last().map(|(_, above)| above))
                .take_while(|place| !place.is_empty())
                .find_map(|place| Some((place, remove(&mut document, place)?)))
                .ok_or_else(|| Unreadable(format!("{}: {}", misread.path(), misread.detail)))?;
            rest.set_aside(place.to_vec(), json);
        }
        Err(Unreadable(format!("more than {MAX_SET_ASIDE} members are unknown")))
    }

    /// The JSON to be stored: the value as it is now, with what was set aside back in its place.
    ///
    /// What stood in an item of an array goes if that array is another one now, and what stood where there is a value
    /// now gives way to it.
    ///
    /// # Errors
    /// The value has no form in JSON.
    pub fn to_json(&self) -> Result<String, Unreadable> {
        let written = match &self.rest {
            None => serde_json::to_string(&self.value),
            Some(rest) => {
                let mut document = to_value(&self.value)?;
                rest.put_back(&mut document);
                if let (Some(needs), Some(members)) = (rest.needs, document.as_object_mut()) {
                    members.insert(NEEDS.to_owned(), Value::from(needs));
                }
                serde_json::to_string(&document)
            }
        };
        written.map_err(|error| Unreadable(error.to_string()))
    }
}

impl<T> Document<T> {
    /// A document of this release.
    pub const fn new(value: T) -> Self {
        Self { value, rest: None }
    }

    /// The same for another value in its place. What was set aside stays, if this release understands the document; else
    /// the new value is all there is.
    #[must_use]
    pub fn with(self, value: T) -> Self {
        let rest = self.rest.filter(|rest| rest.is_understood());
        Self { value, rest }
    }

    /// Whether this release may enforce by it: it knows all values, and the document needs no later reader.
    pub fn is_understood(&self) -> bool {
        self.rest.as_ref().is_none_or(|rest| rest.is_understood())
    }

    /// The value alone.
    pub fn into_value(self) -> T {
        self.value
    }
}

impl<T> Deref for Document<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Document<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// As a part of another document, which is read by `serde_json` alone.
impl<'de, T: DeserializeOwned + Serialize> Deserialize<'de> for Document<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        Self::read(json.get()).map_err(serde::de::Error::custom)
    }
}

impl<T: DeserializeOwned + Serialize> Serialize for Document<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json = self.to_json().map_err(serde::ser::Error::custom)?;
        RawValue::from_string(json).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// By way of text: a serializer into values would generate each shape's writer a second time.
fn to_value(value: &impl Serialize) -> Result<Value, Unreadable> {
    let unreadable = |error: serde_json::Error| Unreadable(error.to_string());
    serde_json::from_str(&serde_json::to_string(value).map_err(unreadable)?).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Mode {
        #[default]
        Report,
        Enforce,
    }

    #[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
    #[serde(deny_unknown_fields)]
    struct Policy {
        #[serde(default)]
        mode: Mode,
        #[serde(default)]
        relays: Vec<Relay>,
        rev: u64,
    }

    #[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
    #[serde(deny_unknown_fields)]
    struct Relay {
        suffix: String,
    }

    fn read(json: &str) -> Document<Policy> {
        Document::read(json).unwrap()
    }

    fn written(document: &Document<Policy>) -> Value {
        serde_json::from_str(&document.to_json().unwrap()).unwrap()
    }

    #[test]
    fn members_of_the_next_release_are_kept_and_written_back() {
        let json = r#"{"mode":"enforce","rev":7,"next":{"a":[1]},"relays":[{"suffix":"a"},{"suffix":"b","next":1}]}"#;
        let mut document = read(json);
        assert!(document.is_understood());
        assert_eq!((document.mode, document.relays.len()), (Mode::Enforce, 2));
        assert_eq!(written(&document), serde_json::from_str::<Value>(json).unwrap());
        document.rev = 8;
        document.mode = Mode::Report;
        let json = r#"{"mode":"report","rev":8,"next":{"a":[1]},"relays":[{"suffix":"a"},{"suffix":"b","next":1}]}"#;
        assert_eq!(written(&document), serde_json::from_str::<Value>(json).unwrap());
    }

    #[test]
    fn a_member_more_in_each_of_a_thousand_items_is_no_obstacle() {
        let relays: Vec<Value> = (0..1_000).map(|number| serde_json::json!({"suffix": "a", "next": number})).collect();
        let json = serde_json::json!({"mode": "enforce", "rev": 7, "relays": relays});
        let document = read(&json.to_string());
        assert!(document.is_understood());
        assert_eq!(written(&document), json);
    }

    #[test]
    fn what_belonged_to_an_item_goes_with_its_list() {
        let mut document = read(r#"{"rev":7,"next":1,"relays":[{"suffix":"a","next":1},{"suffix":"b"}]}"#);
        document.relays.remove(0);
        let expected = r#"{"mode":"report","rev":7,"next":1,"relays":[{"suffix":"b"}]}"#;
        assert_eq!(written(&document), serde_json::from_str::<Value>(expected).unwrap());
    }

    #[test]
    fn a_value_of_the_next_release_is_kept_but_not_enforced_by() {
        let json = r#"{"mode":"quarantine","rev":7,"relays":[{"suffix":"a"},{"suffix":{"like":"b"}}]}"#;
        let mut document = read(json);
        assert!(!document.is_understood());
        assert_eq!((document.mode, document.relays.len()), (Mode::Report, 1));
        document.rev = 8;
        let expected = json.replace(":7", ":8");
        assert_eq!(written(&document)["relays"], serde_json::from_str::<Value>(&expected).unwrap()["relays"]);
        let json = document.with(Policy { mode: Mode::Enforce, relays: Vec::new(), rev: 9 });
        assert!(json.is_understood(), "what was overwritten is this release's");
        assert_eq!(written(&json), serde_json::json!({"mode": "enforce", "relays": [], "rev": 9}));
    }

    #[test]
    fn a_document_that_needs_a_later_reader_is_read_and_not_enforced_by() {
        let document = read(r#"{"mode":"enforce","rev":7,"relays":[],"needs":4}"#);
        assert!(!document.is_understood());
        assert_eq!((document.mode, written(&document)["needs"].clone()), (Mode::Enforce, Value::from(4)));
        assert!(read(r#"{"mode":"enforce","rev":7,"relays":[],"needs":3}"#).is_understood());
        assert!(!read(r#"{"rev":7,"needs":"four"}"#).is_understood());
    }

    #[test]
    fn a_part_of_a_row_keeps_its_own_rest() {
        #[derive(Deserialize, Serialize)]
        struct Row {
            id: u8,
            policy: Document<Policy>,
        }
        let json = r#"{"id":1,"policy":{"mode":"enforce","next":null,"relays":[],"rev":7}}"#;
        let row: Row = serde_json::from_str(json).unwrap();
        assert!(row.policy.is_understood());
        assert_eq!(serde_json::to_string(&row).unwrap(), json);
    }

    #[test]
    fn what_cannot_be_done_without_makes_a_document_unreadable() {
        for json in
            ["", "{", "[]", "null", "7", r#"{"mode":"enforce"}"#, r#"{"rev":"seven"}"#, r#"{"rev":-1,"next":2}"#]
        {
            assert!(Document::<Policy>::read(json).is_err(), "{json}");
        }
    }
}
