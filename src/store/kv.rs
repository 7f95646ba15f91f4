//! The KV binding itself: the calls that are made, without the serializer that `worker`'s own bring along.

use js_sys::futures::JsFuture;
use js_sys::{Array, Map, Object, Promise, Reflect};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use worker::Env;

use super::families::PeerKey;

/// The least that KV allows.
const CACHE_TTL_SECONDS: u32 = 30;
/// What peer addresses were told is forgotten by itself.
const PEER_TTL_SECONDS: u32 = 3_600;

#[wasm_bindgen]
extern "C" {
    /// A KV namespace (<https://developers.cloudflare.com/kv/api/>).
    #[derive(Clone)]
    pub type Kv;

    #[wasm_bindgen(method, catch, js_name = get)]
    fn get(this: &Kv, key_or_keys: &JsValue, options: &JsValue) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch, js_name = put)]
    fn put(this: &Kv, key: &str, value: &str, options: &JsValue) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch, js_name = delete)]
    fn delete(this: &Kv, key: &str) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch, js_name = list)]
    fn list(this: &Kv, options: &JsValue) -> Result<Promise, JsValue>;
}

/// One page of a listing, and where the next page begins.
#[derive(Debug)]
pub struct Listed {
    pub keys: Vec<ListedKey>,
    pub cursor: Option<String>,
}

#[derive(Debug)]
pub struct ListedKey {
    pub name: String,
    /// As JSON, if it has any.
    pub metadata: Option<String>,
}

impl Kv {
    pub fn new(env: &Env, binding: &str) -> Option<Self> {
        let bound = Reflect::get(env.as_ref(), &binding.into()).ok()?;
        bound.is_object().then(|| bound.unchecked_into())
    }

    /// The values of at most 100 keys in one request.
    pub async fn read(&self, keys: &[String]) -> Result<Vec<Option<String>>, JsValue> {
        let options = object(&[("type", "text".into()), ("cacheTtl", CACHE_TTL_SECONDS.into())])?;
        if let [key] = keys {
            let value = JsFuture::from(self.get(&key.as_str().into(), &options)?).await?;
            return Ok(vec![value.as_string()]);
        }
        let list: Array = keys.iter().map(|key| JsValue::from_str(key)).collect();
        let values: Map = JsFuture::from(self.get(&list, &options)?).await?.dyn_into()?;
        Ok(keys.iter().map(|key| values.get(&key.as_str().into()).as_string()).collect())
    }

    /// `metadata`: JSON of 1,024 octets at most, which a listing shows.
    pub async fn write(&self, key: &str, value: &str, metadata: Option<&str>) -> Result<(), JsValue> {
        let expiration = key.starts_with(PeerKey::PREFIX).then_some(PEER_TTL_SECONDS);
        let options = object(&[
            ("metadata", metadata.map_or(Ok(JsValue::UNDEFINED), js_sys::JSON::parse)?),
            ("expirationTtl", expiration.map_or(JsValue::UNDEFINED, JsValue::from)),
        ])?;
        JsFuture::from(self.put(key, value, &options)?).await.map(drop)
    }

    pub async fn remove(&self, key: &str) -> Result<(), JsValue> {
        JsFuture::from(self.delete(key)?).await.map(drop)
    }

    /// One page of the keys that begin with `prefix`, in their order; at most 1,000.
    pub async fn page(&self, prefix: &str, cursor: Option<&str>, limit: u32) -> Result<Listed, JsValue> {
        let cursor = cursor.map_or(JsValue::UNDEFINED, JsValue::from_str);
        let options = object(&[("prefix", prefix.into()), ("cursor", cursor), ("limit", limit.into())])?;
        let listed = JsFuture::from(self.list(&options)?).await?;
        let keys: Array = Reflect::get(&listed, &"keys".into())?.dyn_into()?;
        let keys = keys.iter().filter_map(|key| {
            let name = Reflect::get(&key, &"name".into()).ok()?.as_string()?;
            let metadata = Reflect::get(&key, &"metadata".into()).ok().filter(JsValue::is_object);
            let metadata = metadata.and_then(|metadata| js_sys::JSON::stringify(&metadata).ok()).map(String::from);
            Some(ListedKey { name, metadata })
        });
        let keys = keys.collect();
        let complete = Reflect::get(&listed, &"list_complete".into())?.as_bool() == Some(true);
        let cursor = Reflect::get(&listed, &"cursor".into())?.as_string().filter(|_| !complete);
        Ok(Listed { keys, cursor })
    }
}

fn object(members: &[(&str, JsValue)]) -> Result<JsValue, JsValue> {
    let object = Object::new();
    for (name, value) in members {
        if !value.is_undefined() {
            Reflect::set(&object, &(*name).into(), value)?;
        }
    }
    Ok(object.into())
}
