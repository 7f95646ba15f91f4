//! The npm package `tidegate`: the decision engine for browsers, bundlers and Node.
//!
//! [`js`] stands between JavaScript and the modules that do the work on documents: [`reading`] reads a header,
//! [`judgement`] judges, [`scan`] goes through archives. What they throw is an [`error`] with a code. The shapes that go in
//! and out are those of the wire, described by `types.d.ts`.

mod document;
mod error;
mod js;
mod judgement;
mod options;
mod reading;
pub mod scan;

use js_sys::{Array, Object};
use tidegate_engine::Facts;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use error::{Code, Fault};
use js::thrown;
use scan::census::{Census, Options};
use scan::input::Input;
use scan::kind::Unfit;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("types.d.ts");

/// The version of this package.
#[wasm_bindgen]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// Every Exchange release and product that is known here, and the names of the built-in baselines.
#[wasm_bindgen(unchecked_return_type = "Catalog")]
pub fn catalog() -> Result<JsValue, JsValue> {
    js::value(&judgement::catalog().map_err(|fault| thrown(&fault))?)
}

/// Reads a message's header: which server hands it over, with which build, on what evidence; and every hop.
///
/// A whole message may be given: its first MiB is looked at. Nothing that a sender can write is an error.
///
/// @throws {TidegateError} `invalid_header` if it is neither a string nor octets; `invalid_options`.
#[wasm_bindgen(js_name = readHeader, unchecked_return_type = "Reading")]
pub fn read_header(
    #[wasm_bindgen(unchecked_param_type = "string | Uint8Array")] header: &JsValue,
    #[wasm_bindgen(unchecked_optional_param_type = "ReadHeaderOptions")] options: &JsValue,
) -> Result<JsValue, JsValue> {
    let read = || {
        let options = js::json(options, Code::Options)?;
        let most = u32::try_from(reading::MAX_HEADER).unwrap_or(u32::MAX);
        let expected = || Fault::new(Code::Header, "header", "a string or a Uint8Array is expected");
        let (header, cut) = js::beginning(header, most).ok_or_else(expected)?;
        reading::read_header(&header, cut, &options)
    };
    js::value(&read().map_err(|fault| thrown(&fault))?)
}

/// Judges a build by a baseline.
///
/// @throws {TidegateError} `invalid_build`, `invalid_time`, `invalid_baseline`, `unknown_baseline`, `invalid_options`.
#[wasm_bindgen(unchecked_return_type = "Assessment")]
pub fn assess(
    #[wasm_bindgen(unchecked_param_type = "Build")] build: &JsValue,
    #[wasm_bindgen(unchecked_optional_param_type = "AssessOptions")] options: &JsValue,
) -> Result<JsValue, JsValue> {
    let assess = || {
        let build = js::string(build, Code::Build, "build")?;
        judgement::assess(&build, &js::json(options, Code::Options)?, js::now())
    };
    js::value(&assess().map_err(|fault| thrown(&fault))?)
}

/// Decides on a message as `POST /v1/decide` does. What the service remembers of the server comes in as `context`: a spell
/// that is said to have begun is taken to be confirmed for the machine and the build that this message shows.
///
/// @throws {TidegateError} `invalid_event`, `invalid_policy`, `unknown_baseline`, `invalid_time`, `invalid_freeze`,
/// `invalid_options`, `too_large`.
#[wasm_bindgen(unchecked_return_type = "Decision")]
pub fn decide(
    #[wasm_bindgen(unchecked_param_type = "MailEvent")] event: &JsValue,
    #[wasm_bindgen(unchecked_optional_param_type = "DecideContext")] context: &JsValue,
) -> Result<JsValue, JsValue> {
    let decide = || {
        let (event, context) = (js::json(event, Code::Event)?, js::json(context, Code::Options)?);
        let answer = judgement::decide(&event, &context, js::now())?;
        String::from_utf8(answer).map_err(|_| Fault::internal())
    };
    js::parsed(&decide().map_err(|fault| thrown(&fault))?)
}

/// What would become of a server that shows the same build all the time, under a policy that enforces: its stages on
/// the time axis, and one hour minute by minute.
///
/// @throws {TidegateError} `invalid_build`, `invalid_ladder`, `invalid_baseline`, `unknown_baseline`, `invalid_waves`,
/// `invalid_time`, `invalid_freeze`, `invalid_tenant`, `invalid_server`, `invalid_options`.
#[wasm_bindgen(unchecked_return_type = "Simulation")]
pub fn simulate(#[wasm_bindgen(unchecked_param_type = "SimulateInput")] input: &JsValue) -> Result<JsValue, JsValue> {
    let simulate = || judgement::simulate(&js::json(input, Code::Options)?, js::now());
    js::value(&simulate().map_err(|fault| thrown(&fault))?)
}

/// Octets that are copied and read at once.
const WINDOW: u32 = 256 * 1024;
/// Characters of JSON that are handed over at once.
const BATCH: usize = 1024 * 1024;

/// Goes through mailboxes of any size and dialect, messages (`.eml`) and header text as people copy it, and lists every
/// on-premises Exchange server in any hop of any message. What it holds is bounded, whatever the file.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Scanner {
    facts: &'static Facts,
    options: Options,
    input: Input,
    unfit: Option<Unfit>,
    census: Census,
    window: Vec<u8>,
    bytes: u64,
    finished: bool,
}

#[wasm_bindgen]
impl Scanner {
    /// @throws {TidegateError} `invalid_baseline`, `unknown_baseline`, `invalid_ladder`, `invalid_waves`,
    /// `invalid_time`, `invalid_options`.
    #[wasm_bindgen(constructor)]
    pub fn new(
        #[wasm_bindgen(unchecked_optional_param_type = "ScannerOptions")] options: &JsValue,
    ) -> Result<Self, JsValue> {
        let make = || {
            let facts = options::facts()?;
            let options = Options::read(&js::json(options, Code::Options)?, facts)?;
            Ok(Self {
                facts,
                options,
                input: Input::default(),
                unfit: None,
                census: Census::default(),
                window: vec![0; WINDOW as usize],
                bytes: 0,
                finished: false,
            })
        };
        make().map_err(|fault: Fault| thrown(&fault))
    }

    /// Takes in the next octets, cut wherever it may be. Says whether the file's other octets matter: not those behind
    /// a single message's header.
    ///
    /// @throws {TidegateError} `invalid_chunk` for anything but octets, `finished` after {@link finish}.
    pub fn push(
        &mut self,
        #[wasm_bindgen(unchecked_param_type = "Uint8Array")] chunk: &JsValue,
    ) -> Result<bool, JsValue> {
        if self.finished {
            return Err(thrown(&Fault::new(Code::Finished, "", "the scanner has finished")));
        }
        let expected = || thrown(&Fault::new(Code::Chunk, "chunk", "a Uint8Array is expected"));
        let octets = js::octets(chunk).ok_or_else(expected)?;
        let Self { facts, input, census, window, .. } = self;
        let mut at = 0;
        while at < octets.length() {
            let part = octets.subarray(at, at.saturating_add(WINDOW));
            let Some(window) = window.get_mut(..part.length() as usize) else { break };
            part.copy_to(window);
            input.push(window, &mut |block| census.add(block, facts));
            at += part.length();
        }
        self.bytes += u64::from(octets.length());
        Ok(input.wants_more())
    }

    /// Says that a file has ended; what comes next is another one, of the same list of servers. Answers what that file
    /// is, if it cannot be read as it comes.
    #[wasm_bindgen(js_name = nextFile, unchecked_return_type = "FileKind | null")]
    pub fn next_file(&mut self) -> JsValue {
        let unfit = self.end_file();
        unfit.map_or(JsValue::NULL, |kind| kind.as_str().into())
    }

    /// Says that the input has ended. Doing so twice does nothing.
    pub fn finish(&mut self) {
        self.end_file();
        self.finished = true;
    }

    fn end_file(&mut self) -> Option<Unfit> {
        let Self { facts, input, census, .. } = self;
        let unfit = input.finish(&mut |block| census.add(block, facts));
        self.unfit = self.unfit.or(unfit);
        unfit
    }

    /// Octets taken in.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn bytes(&self) -> f64 {
        number(self.bytes)
    }

    /// Messages whose header has been read.
    #[wasm_bindgen(getter)]
    #[must_use]
    pub fn messages(&self) -> f64 {
        number(self.census.messages)
    }

    /// What was found so far. With `options` it is judged by those in place of the scanner's own, so that another
    /// baseline or moment needs no second pass.
    ///
    /// @throws {TidegateError} As the constructor.
    #[wasm_bindgen(unchecked_return_type = "ScanResult")]
    pub fn result(
        &self,
        #[wasm_bindgen(unchecked_optional_param_type = "ScannerOptions")] options: &JsValue,
    ) -> Result<JsValue, JsValue> {
        let caught = |fault: Fault| thrown(&fault);
        let own = match options.is_undefined() || options.is_null() {
            true => None,
            false => {
                let options = js::json(options, Code::Options).map_err(caught)?;
                Some(Options::read(&options, self.facts).map_err(caught)?)
            }
        };
        let options = own.as_ref().unwrap_or(&self.options);
        let servers = Array::new();
        let mut batch = String::new();
        for server in self.census.servers(options, self.facts, js::now()).map_err(caught)? {
            let json = serde_json::to_string(&server).map_err(|_| thrown(&Fault::internal()))?;
            batch.push(if batch.is_empty() { '[' } else { ',' });
            batch.push_str(&json);
            if batch.len() > BATCH {
                hand_over(&mut batch, &servers)?;
            }
        }
        hand_over(&mut batch, &servers)?;
        let result = Object::new();
        js::set(&result, "servers", &servers);
        js::set(&result, "messages", &number(self.census.messages).into());
        js::set(&result, "bytes", &number(self.bytes).into());
        js::set(&result, "unreadable", &number(self.census.unreadable).into());
        js::set(&result, "truncated", &self.census.truncated.into());
        js::set(&result, "header", &self.census.header.as_deref().map_or(JsValue::NULL, Into::into));
        js::set(&result, "mended", &self.census.mended.into());
        js::set(&result, "unfit", &self.unfit.map_or(JsValue::NULL, |kind| kind.as_str().into()));
        Ok(result.into())
    }
}

/// Moves the items of an open JSON array to the end of `list`.
fn hand_over(batch: &mut String, list: &Array) -> Result<(), JsValue> {
    if batch.is_empty() {
        return Ok(());
    }
    batch.push(']');
    for item in Array::from(&js::parsed(batch)?).iter() {
        list.push(&item);
    }
    batch.clear();
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "no count gets that far")]
fn number(count: u64) -> f64 {
    count as f64
}
