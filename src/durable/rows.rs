//! Rows as serde reads them: each value by the name of its column.

use serde::de::value::MapDeserializer;
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::de::SliceRead;
use worker::SqlStorageValue;

/// Reads one row. Text is taken as JSON where something with parts is asked for.
pub fn read<T: DeserializeOwned>(names: &[String], values: &[SqlStorageValue]) -> serde_json::Result<T> {
    T::deserialize(MapDeserializer::new(names.iter().map(String::as_str).zip(values.iter().map(Column))))
}

#[derive(Clone, Copy)]
struct Column<'de>(&'de SqlStorageValue);

impl<'de> Column<'de> {
    /// Reads JSON in text, and else what is there.
    fn with_parts<V: Visitor<'de>>(
        self,
        read: impl FnOnce(&mut serde_json::Deserializer<SliceRead<'de>>, V) -> serde_json::Result<V::Value>,
        visitor: V,
    ) -> serde_json::Result<V::Value> {
        let SqlStorageValue::String(text) = self.0 else { return self.deserialize_any(visitor) };
        let mut json = serde_json::Deserializer::from_slice(text.as_bytes());
        let value = read(&mut json, visitor)?;
        json.end().map(|()| value)
    }
}

impl<'de> Deserializer<'de> for Column<'de> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> serde_json::Result<V::Value> {
        match self.0 {
            SqlStorageValue::Null => visitor.visit_unit(),
            SqlStorageValue::Boolean(value) => visitor.visit_bool(*value),
            SqlStorageValue::Integer(value) => visitor.visit_i64(*value),
            SqlStorageValue::Float(value) => visitor.visit_f64(*value),
            SqlStorageValue::String(value) => visitor.visit_borrowed_str(value),
            SqlStorageValue::Blob(value) => visitor.visit_borrowed_bytes(value),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> serde_json::Result<V::Value> {
        match self.0 {
            SqlStorageValue::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> serde_json::Result<V::Value> {
        match self.0 {
            SqlStorageValue::String(variant) => visitor.visit_enum(variant.as_str().into_deserializer()),
            _ => self.deserialize_any(visitor),
        }
    }

    /// A number wrapped up, or JSON that stays text ([`serde_json::value::RawValue`]).
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> serde_json::Result<V::Value> {
        match self.0 {
            SqlStorageValue::String(_) => {
                self.with_parts(|json, visitor| json.deserialize_newtype_struct(name, visitor), visitor)
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> serde_json::Result<V::Value> {
        self.with_parts(|json, visitor| json.deserialize_seq(visitor), visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> serde_json::Result<V::Value> {
        self.with_parts(|json, visitor| json.deserialize_struct(name, fields, visitor), visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple
        tuple_struct map identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, serde_json::Error> for Column<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::value::RawValue;
    use tidegate_engine::{Connector, Date, Freezes, ServerId, Timestamp};
    use tidegate_stored::Document;

    use super::*;
    use crate::durable::sql::values;

    #[derive(Debug, Deserialize)]
    struct Row {
        id: ServerId,
        connector: Connector,
        at: Timestamp,
        last_used_on: Option<Date>,
        exemptions: Document<Freezes>,
        networks: Option<Vec<String>>,
        before: Option<Box<RawValue>>,
    }

    const NAMES: [&str; 8] =
        ["id", "connector", "at", "last_used_on", "exemptions", "networks", "before", "of_a_later_release"];

    fn row(values: Vec<SqlStorageValue>) -> serde_json::Result<Row> {
        let names = &NAMES.map(str::to_owned)[NAMES.len() - values.len()..];
        read(names, &values)
    }

    #[test]
    fn each_column_is_read_as_its_type_is_written() {
        let text = r#"{"a": 1.50}"#;
        let whole = row(values![
            "ex01.contoso.com",
            "on_premises",
            1_790_842_508_i64,
            "2026-11-30",
            r#"[{"from":7}]"#,
            r#"["10.0.0.0/8"]"#,
            text,
            vec![1_u8]
        ])
        .unwrap();
        assert_eq!((whole.id.as_str(), whole.connector), ("ex01.contoso.com", Connector::OnPremises));
        assert_eq!((whole.at, whole.last_used_on), (Timestamp(1_790_842_508), "2026-11-30".parse().ok()));
        assert_eq!(whole.exemptions.at(Timestamp(7)).map(|freeze| freeze.until), Some(None));
        assert_eq!(whole.networks.as_deref(), Some(&["10.0.0.0/8".to_owned()][..]));
        assert_eq!(whole.before.unwrap().get(), text, "octet for octet");
        let none = None::<String>;
        let least = row(values!["a", "partner", 0_i64, none.clone(), "[]", none.clone(), none.clone(), none]).unwrap();
        assert!(least.last_used_on.is_none() && least.networks.is_none() && least.before.is_none());
    }

    #[test]
    fn what_a_column_cannot_hold_is_an_error() {
        let whole = || values!["a", "partner", 0_i64, "2026-11-30", "[]", "[]", "{}", 0_i64];
        assert!(row(whole()).is_ok());
        for (column, value) in [
            (0, SqlStorageValue::Null),
            (0, "@".into()),
            (1, "bridge".into()),
            (1, SqlStorageValue::Integer(1)),
            (2, "7".into()),
            (3, "today".into()),
            (4, "[".into()),
            (5, "[] []".into()),
            (6, "{".into()),
            (6, SqlStorageValue::Blob(vec![123, 125])),
        ] {
            let mut values = whole();
            let shown = format!("{}: {value:?}", NAMES[column]);
            values[column] = value;
            assert!(row(values).is_err(), "{shown}");
        }
        assert!(row(whole().split_off(1)).is_err(), "there is no id");
    }
}
