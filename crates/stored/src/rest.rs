//! What a document holds beside what this release knows.

use serde_json::Value;
use tidegate_wire::place::Step;

use crate::READER;

/// What was set aside of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct Rest {
    /// The least reader that may enforce by the document.
    pub needs: Option<u64>,
    /// No value was set aside, only members of which this release never heard.
    pub is_understood: bool,
    /// The value as it was read, for telling which arrays are others by now.
    pub read_as: Value,
    /// In the order in which they were set aside.
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
struct Part {
    place: Vec<Step>,
    json: Value,
}

impl Default for Rest {
    fn default() -> Self {
        Self { needs: None, is_understood: true, read_as: Value::Null, parts: Vec::new() }
    }
}

impl Rest {
    pub fn set_aside(&mut self, place: Vec<Step>, json: Value) {
        self.parts.push(Part { place, json });
    }

    /// Takes the member at `place` out of the document, and the same member of all other items of the arrays on the way.
    /// Whether there was any.
    pub fn set_aside_in_all(&mut self, document: &mut Value, place: &[Step]) -> bool {
        let known = self.parts.len();
        self.take_all(document, place, &mut Vec::new());
        self.parts.len() > known
    }

    fn take_all(&mut self, value: &mut Value, place: &[Step], above: &mut Vec<Step>) {
        let Some((step, below)) = place.split_first() else { return };
        match (step, value) {
            (Step::Member(name), Value::Object(members)) if below.is_empty() => {
                if let Some(json) = members.remove(name) {
                    above.push(step.clone());
                    self.set_aside(above.clone(), json);
                    above.pop();
                }
            }
            (Step::Member(name), Value::Object(members)) => {
                if let Some(member) = members.get_mut(name) {
                    above.push(step.clone());
                    self.take_all(member, below, above);
                    above.pop();
                }
            }
            (Step::Item(_), Value::Array(items)) => {
                for (index, item) in items.iter_mut().enumerate() {
                    above.push(Step::Item(index));
                    self.take_all(item, below, above);
                    above.pop();
                }
            }
            _ => {}
        }
    }

    pub fn is_understood(&self) -> bool {
        self.is_understood && self.needs.is_none_or(|needs| needs <= READER)
    }

    /// Puts what was set aside back where it was: last out, first in, so that items of arrays find their numbers.
    pub fn put_back(&self, document: &mut Value) {
        let written = document.clone();
        for Part { place, json } in self.parts.iter().rev() {
            if self.arrays_are_the_same(place, &written) {
                insert(document, place, json);
            }
        }
    }

    /// Whether the arrays on the way to a place are those that were read.
    fn arrays_are_the_same(&self, place: &[Step], written: &Value) -> bool {
        let (mut old, mut new) = (Some(&self.read_as), Some(written));
        for step in place {
            match step {
                Step::Item(_) => return old == new,
                Step::Member(name) => {
                    (old, new) = (old.and_then(|old| old.get(name)), new.and_then(|new| new.get(name)))
                }
            }
        }
        true
    }
}

/// Takes a value out of a document; `None`: there is none.
pub fn remove(document: &mut Value, place: &[Step]) -> Option<Value> {
    let (last, above) = place.split_last()?;
    match (last, descend(document, above)?) {
        (Step::Member(name), Value::Object(members)) => members.remove(name),
        (Step::Item(index), Value::Array(items)) if *index < items.len() => Some(items.remove(*index)),
        _ => None,
    }
}

/// Puts a value into a document, unless there is one, or nothing that could hold it.
fn insert(document: &mut Value, place: &[Step], json: &Value) {
    let Some((last, above)) = place.split_last() else { return };
    match (last, descend(document, above)) {
        (Step::Member(name), Some(Value::Object(members))) => {
            members.entry(name.as_str()).or_insert_with(|| json.clone());
        }
        (Step::Item(index), Some(Value::Array(items))) if *index <= items.len() => items.insert(*index, json.clone()),
        _ => {}
    }
}

fn descend<'a>(document: &'a mut Value, place: &[Step]) -> Option<&'a mut Value> {
    place.iter().try_fold(document, |value, step| match step {
        Step::Member(name) => value.get_mut(name),
        Step::Item(index) => value.get_mut(index),
    })
}
