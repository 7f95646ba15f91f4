//! The KV binding itself: the three calls that are made, without the serializer that `worker`'s own bring along.

use js_sys::futures::JsFuture;
use js_sys::{Array, Map, Object, Promise, Reflect};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use worker::Env;

/// The least that KV allows.
const CACHE_TTL_SECONDS: u32 = 30;

#[wasm_bindgen]
extern "C" {
    /// A KV namespace (<https://developers.cloudflare.com/kv/api/>).
    pub type Kv;

    #[wasm_bindgen(method, catch, js_name = get)]
    fn get(this: &Kv, key_or_keys: &JsValue, options: &JsValue) -> Result<Promise, JsValue>;

    #[wasm_bindgen(method, catch, js_name = put)]
    fn put(this: &Kv, key: &str, value: &str) -> Result<Promise, JsValue>;
}

impl Kv {
    pub fn new(env: &Env, binding: &str) -> Option<Self> {
        let bound = Reflect::get(env.as_ref(), &binding.into()).ok()?;
        bound.is_object().then(|| bound.unchecked_into())
    }

    pub async fn read(&self, key: &str) -> Result<Option<String>, JsValue> {
        let value = JsFuture::from(self.get(&key.into(), &options()?)?).await?;
        Ok(value.as_string())
    }

    /// Both values in one request.
    pub async fn read_two(&self, keys: [&str; 2]) -> Result<[Option<String>; 2], JsValue> {
        let list = Array::of2(&keys[0].into(), &keys[1].into());
        let values: Map = JsFuture::from(self.get(&list, &options()?)?).await?.dyn_into()?;
        Ok(keys.map(|key| values.get(&key.into()).as_string()))
    }

    pub async fn write(&self, key: &str, value: &str) -> Result<(), JsValue> {
        JsFuture::from(self.put(key, value)?).await.map(drop)
    }
}

fn options() -> Result<JsValue, JsValue> {
    let options = Object::new();
    Reflect::set(&options, &"type".into(), &"text".into())?;
    Reflect::set(&options, &"cacheTtl".into(), &CACHE_TTL_SECONDS.into())?;
    Ok(options.into())
}
