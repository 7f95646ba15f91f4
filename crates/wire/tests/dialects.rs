//! The gateways' dialects by example: requests as the gateways send them, our answers byte for byte, and the line that
//! the sender then sees, made by the rule of each gateway.
//!
//! `tests/fixtures/{dialect}/*.request` are requests. Beside them lie the answer to each verdict (`*.accept.response` and
//! so on) and the SMTP line (`*.defer.smtp`). `UPDATE_FIXTURES=1 cargo test -p tidegate-wire` writes those anew.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "this is how a test fails"
)]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tidegate_engine::Action;
use tidegate_engine::Connector;
use tidegate_engine::DecisionContext;
use tidegate_engine::Freezes;
use tidegate_engine::Phase;
use tidegate_engine::Rules;
use tidegate_engine::Spell;
use tidegate_engine::fnv1a;
use tidegate_engine::{ConnectingServer, Finding, recognise};
use tidegate_engine::{DAY, MINUTE, Timestamp};
use tidegate_engine::{Decision, accept_undecided};
use tidegate_engine::{Facts, Mode, Policy};
use tidegate_wire::gateway::{Asked, Prefix};
use tidegate_wire::native::{Circumstances, Defaults, Request};
use tidegate_wire::problem::Problem;
use tidegate_wire::{base64, cloudflare, exim, mta_hooks, postfix, rspamd, stalwart};

type Read = for<'a> fn(&Asked<'a>, &Defaults) -> Result<Request<'a>, Problem>;
type Render = fn(&Decision<'_>, Circumstances) -> Vec<u8>;

/// A gateway as its source or its users' trials show it: what it makes of an answer. `None`: it goes on.
type Gateway = fn(&[u8]) -> Option<String>;

struct Example {
    file: &'static str,
    /// Where more than one kind of answer belongs to a request.
    answers: &'static str,
    fields: &'static [&'static str],
    own_hops: Option<u8>,
    id: &'static str,
    recipients: &'static [&'static str],
    read: Read,
    render: Render,
    gateway: Gateway,
}

const ALICE: Example = Example {
    file: "",
    answers: "",
    fields: rspamd::FIELDS,
    own_hops: None,
    id: "",
    recipients: &["bob@gw.test"],
    read: rspamd::request,
    render: rspamd::answer,
    gateway: rspamd_proxy,
};

const EXAMPLES: &[Example] = &[
    Example {
        file: "rspamd/proxy",
        id: "4ABCDEF1",
        // rspamd does not quote what it joins: a recipient with a blank behind its comma comes in two, and is nobody's
        recipients: &["<bob@gw.test>", "<\"carol", "d\"@gw.test>"],
        ..ALICE
    },
    Example {
        file: "rspamd/proxy",
        answers: ".by_header",
        id: "4ABCDEF1",
        recipients: &["<bob@gw.test>", "<\"carol", "d\"@gw.test>"],
        render: rspamd::answer_by_header,
        gateway: milter_header_checks,
        ..ALICE
    },
    Example { file: "rspamd/haraka", id: "8D7A-1.1", own_hops: Some(1), gateway: haraka_rspamd, ..ALICE },
    Example { file: "rspamd/opensmtpd", id: "3d1f9bf2c0a4a5b6", own_hops: Some(1), gateway: filter_rspamd, ..ALICE },
    Example {
        file: "exim/readsocket",
        id: "1vMabc-000001-2X",
        fields: exim::FIELDS,
        read: exim::request,
        render: exim::answer,
        gateway: exim_acl,
        ..ALICE
    },
    Example {
        file: "stalwart/data",
        id: "c1a2b3d4",
        fields: stalwart::FIELDS,
        read: stalwart::request,
        render: stalwart::answer,
        gateway: stalwart_hook,
        ..ALICE
    },
    Example {
        file: "mta_hooks/raw",
        id: "7b0e5d4e-3a52-4c7e-9a53-0d8d0b7a1c11",
        fields: mta_hooks::FIELDS,
        read: mta_hooks::request,
        render: mta_hooks::answer,
        gateway: mta_hooks_milter,
        ..ALICE
    },
    Example {
        file: "mta_hooks/headers",
        id: "7b0e5d4e-3a52-4c7e-9a53-0d8d0b7a1c11",
        fields: mta_hooks::FIELDS,
        read: mta_hooks::request,
        render: mta_hooks::answer,
        gateway: mta_hooks_milter,
        ..ALICE
    },
];

#[test]
fn each_gateways_request_is_read_and_the_sender_sees_the_reply_that_was_decided() {
    for example in EXAMPLES {
        let http = Http::read(example.file);
        let fields = http.fields(example.fields);
        let asked = Asked { fields: &fields, body: Prefix { bytes: &http.body, is_whole: true } };
        let request = (example.read)(&asked, &defaults(example.own_hops)).unwrap();
        assert_eq!(request.event.client_ip, "203.0.113.7".parse().ok(), "{}", example.file);
        assert_eq!(request.event.recipients, example.recipients, "{}", example.file);
        assert_eq!(request.event_id.as_deref(), Some(example.id), "{}", example.file);
        for verdict in [Action::Accept, Action::Defer, Action::Reject] {
            let name = format!("{}{}.{}", example.file, example.answers, verdict.as_str());
            let answer = decided(&request, verdict, |decision| (example.render)(decision, Circumstances::default()));
            let answer = golden(&format!("{name}.response"), &answer);
            match (example.gateway)(&answer) {
                Some(line) => drop(golden(&format!("{name}.smtp"), format!("{line}\n").as_bytes())),
                None => assert_eq!(verdict, Action::Accept, "{name}"),
            }
        }
        let undecided = (example.render)(&accept_undecided(None, None, "KV is late"), Circumstances::default());
        assert_eq!((example.gateway)(&undecided), None, "{}: our own fault delays nothing", example.file);
    }
}

#[test]
fn a_message_that_goes_on_behind_the_prefix_is_judged_by_it() {
    let facts = Facts::built_in();
    for example in EXAMPLES {
        let http = Http::read(example.file);
        let fields = http.fields(example.fields);
        let (mut recognised, whole) = (0, http.body.len());
        for end in 0..=whole {
            let Some(bytes) = http.body.get(..end) else { continue };
            let asked = Asked { fields: &fields, body: Prefix { bytes, is_whole: false } };
            let request = (example.read)(&asked, &defaults(example.own_hops)).unwrap();
            match recognise(&request.event, &[], &facts.catalog).finding {
                Finding::Server(server) => {
                    let build = server.shown.build().map(|build| build.to_string());
                    assert_eq!((server.id.as_str(), build.as_deref()), ("ex1.contoso.example", Some("15.1.2507.6")));
                    recognised += 1;
                }
                // fields of which half is there are left out
                Finding::NoHop => assert_eq!(recognised, 0, "{} at {end}", example.file),
                other => panic!("{} at {end}: {}", example.file, other.as_str()),
            }
        }
        assert!(recognised > 0, "{}", example.file);
    }
}

#[test]
fn what_cannot_be_read_is_no_message_of_an_exchange_server() {
    let noise: &[&[u8]] =
        &[b"", b"\0", b"{", b"[]", b"null", b"\xff\xfe{}", b"{\"message\":[]}", b"{\"rawMessage\":7,\"context\":\"\"}"];
    let facts = Facts::built_in();
    for example in EXAMPLES {
        for bytes in noise {
            let fields = vec![String::from("\u{fffd}"); 3];
            let asked = Asked { fields: &fields, body: Prefix { bytes, is_whole: true } };
            let request = (example.read)(&asked, &defaults(None)).unwrap();
            let finding = recognise(&request.event, &[], &facts.catalog).finding;
            assert!(matches!(finding, Finding::NoHop), "{}: {bytes:?}", example.file);
        }
    }
}

#[test]
fn a_compressed_body_is_refused_clearly() {
    let fields = ["", "", "", "zstd"].map(String::from);
    let asked = Asked { fields: &fields, body: Prefix { bytes: b"\x28\xb5\x2f\xfd", is_whole: true } };
    let problem = rspamd::request(&asked, &defaults(None)).unwrap_err();
    assert_eq!((problem.status, problem.detail.contains("compression")), (415, true));
}

#[test]
fn a_stage_without_a_message_is_accepted() {
    let http = Http::read("stalwart/connect");
    let asked = Asked { fields: &[], body: Prefix { bytes: &http.body, is_whole: true } };
    let request = stalwart::request(&asked, &defaults(None)).unwrap();
    assert_eq!((request.event.header.received().count(), request.event_id), (0, None));
}

#[test]
fn postfix_is_told_again_what_the_address_was_told() {
    let http = Http::read("rspamd/proxy");
    let fields = http.fields(rspamd::FIELDS);
    let asked = Asked { fields: &fields, body: Prefix { bytes: &http.body, is_whole: true } };
    let message = rspamd::request(&asked, &defaults(None)).unwrap();
    for file in ["postfix/form", "postfix/lines"] {
        let http = Http::read(file);
        let client = postfix::request(&http.body);
        assert_eq!(client.address, "203.0.113.7".parse().ok());
        assert_eq!(client.recipient.as_deref(), Some("bob+tag@gw.test"));
        for verdict in [Action::Accept, Action::Defer, Action::Reject] {
            let name = format!("{file}.{}", verdict.as_str());
            let answer = decided(&message, verdict, |told| postfix::answer(told.reply.as_ref(), client.form));
            let answer = golden(&format!("{name}.response"), &answer);
            match postfix_policy(&answer) {
                Some(line) => drop(golden(&format!("{name}.smtp"), format!("{line}\n").as_bytes())),
                None => assert_eq!(verdict, Action::Accept),
            }
        }
    }
}

#[test]
fn email_routing_rejects_with_the_text_and_defers_by_an_exception() {
    let message = fs::read(path("cloudflare/message.eml")).unwrap();
    let prefix = Prefix { bytes: &message, is_whole: true };
    let request = cloudflare::request(prefix, "bob@gw.test", &defaults(None)).unwrap();
    assert_eq!((request.event.own_hops, request.event.client_ip), (1, "203.0.113.7".parse().ok()));
    for verdict in [Action::Accept, Action::Defer, Action::Reject] {
        let name = format!("cloudflare/message.{}", verdict.as_str());
        let text = decided(&request, verdict, |decision| cloudflare::answer(decision, Circumstances::default()));
        let text = golden(&format!("{name}.response"), &text);
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text.bytes().next(), [None, Some(b'4'), Some(b'5')][verdict as usize]);
        if verdict == Action::Reject {
            golden(&format!("{name}.smtp"), format!("550 5.7.1 {text}\n").as_bytes());
        }
    }
}

#[test]
fn registrations_meet_the_rules_of_the_strictest_client() {
    let now: Timestamp = "2026-10-01T08:15:08Z".parse().unwrap();
    let sign = |text: &str| format!("{:032x}", fnv1a(text.as_bytes()));
    golden("mta_hooks/discovery.response", &mta_hooks::discovery());
    let discovery: Value = serde_json::from_slice(&mta_hooks::discovery()).unwrap();
    assert_eq!(discovery["endpoints"]["registration"], mta_hooks::REGISTRATIONS);

    let http = Http::read("mta_hooks/registration");
    let body = |bytes| Prefix { bytes, is_whole: true };
    let (location, answer) = mta_hooks::Wanted::parse(body(&http.body), now).unwrap().accept(now, &sign);
    golden("mta_hooks/registration.response", &answer);
    let asked: Value = serde_json::from_slice(&http.body).unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["status"], "active");
    assert_eq!(answer["negotiated"]["serialization"], "json");
    assert_eq!(answer["negotiated"]["inbound"]["stages"], asked["inbound"]["stages"]);
    let names = |value: &Value| {
        let mut names: Vec<String> =
            value.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&answer["negotiated"]["inbound"]["properties"]), names(&asked["inbound"]["properties"]));
    let id = answer["registrationId"].as_str().unwrap();
    assert!(id.len() <= 255 && id.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_:".contains(&octet)));
    assert_eq!(location, format!("{}/{id}", mta_hooks::REGISTRATIONS));

    let verify = |id: &str, at, sign| mta_hooks::Registration::verify(id, at, sign).is_ok();
    assert!(verify(id, now.plus(1_000 * DAY), &sign));
    assert!(!verify(id, now, &|_: &str| "another key's".to_owned()));
    for other in ["", "1", "1-0-0-", "1-x-0-0", &id.replace("1-17", "1-18"), &format!("{id}0")] {
        assert!(!verify(other, now, &sign), "{other}");
    }
    let limited = br#"{"inbound":{"stages":["rcpt","data"],"properties":null},"expiresAt":"2026-10-02T00:00:00Z"}"#;
    let (_, answer) = mta_hooks::Wanted::parse(body(limited), now).unwrap().accept(now, &sign);
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["expiresAt"], "2026-10-02T00:00:00Z");
    assert!(!names(&answer["negotiated"]["inbound"]["properties"]).contains(&"/rawMessage".to_owned()));
    let id = answer["registrationId"].as_str().unwrap();
    assert!(verify(id, now, &sign) && !verify(id, "2026-10-02T00:00:00Z".parse().unwrap(), &sign));

    for (refused, status) in [
        (&b""[..], 400),
        (b"[]", 400),
        (b"{", 400),
        (b"{}", 422),
        (br#"{"serialization":"cbor","inbound":{"stages":["data"]}}"#, 422),
        (br#"{"inbound":{"stages":["rcpt"]}}"#, 422),
        (br#"{"inbound":{"stages":["data"]},"expiresAt":"2020-01-01T00:00:00Z"}"#, 422),
        (br#"{"inbound":{"stages":["data"]},"expiresAt":"soon"}"#, 422),
    ] {
        let refusal = mta_hooks::Wanted::parse(body(refused), now).unwrap_err();
        assert_eq!(refusal.status, status);
        let error: Value = serde_json::from_slice(&refusal.body()).unwrap();
        assert!(error["error"]["code"].is_string() && error["error"]["message"].is_string());
    }
}

// What the gateways make of an answer.

fn json(answer: &[u8]) -> Value {
    serde_json::from_slice(answer).unwrap()
}

/// milter.c: codes are fixed; without a known action everything is deferred.
fn rspamd_proxy(answer: &[u8]) -> Option<String> {
    let answer = json(answer);
    let message = answer["messages"]["smtp_message"].as_str();
    match answer["action"].as_str().unwrap() {
        "no action" => None,
        "soft reject" => Some(format!("451 4.7.1 {}", message.unwrap_or("Try again later"))),
        "reject" => Some(format!("554 5.7.1 {}", message.unwrap_or("Spam message rejected"))),
        other => panic!("deferred for the unknown action {other}"),
    }
}

/// Postfix behind rspamd's proxy: `/^X-Tidegate-Verdict: \w+ (.*)/ REJECT $1`; a text that begins with an enhanced code
/// gives the class.
fn milter_header_checks(answer: &[u8]) -> Option<String> {
    assert_eq!(rspamd_proxy(answer), None);
    let answer = json(answer);
    let value = answer["milter"]["add_headers"][rspamd::VERDICT_HEADER]["value"].as_str()?;
    let (_, text) = value.split_once(' ').unwrap();
    Some(format!("{} {text}", if text.starts_with('4') { "451" } else { "550" }))
}

/// haraka-plugin-rspamd: every symbol needs a name and a score.
fn haraka_rspamd(answer: &[u8]) -> Option<String> {
    let answer = json(answer);
    for symbol in answer["symbols"].as_object().unwrap().values() {
        assert!(symbol["name"].is_string() && symbol["score"].is_number());
    }
    let message = answer["messages"]["smtp_message"].as_str();
    match answer["action"].as_str().unwrap() {
        "soft reject" => Some(format!("451 4.7.1 {}", message.unwrap())),
        "reject" => Some(format!("550 {}", message.unwrap())),
        _ => None,
    }
}

fn filter_rspamd(answer: &[u8]) -> Option<String> {
    let answer = json(answer);
    let message = answer["messages"]["smtp_message"].as_str();
    match answer["action"].as_str().unwrap() {
        "soft reject" => Some(format!("451 {}", message.unwrap())),
        "reject" => Some(format!("550 {}", message.unwrap())),
        _ => None,
    }
}

/// An ACL: `defer` or `deny` with the rest of the line as its message, whose code has to be of the same class.
fn exim_acl(answer: &[u8]) -> Option<String> {
    let answer = std::str::from_utf8(answer).unwrap().strip_suffix('\n').unwrap();
    assert!(!answer.contains('\n'));
    let (verdict, reply) = answer.split_once(' ').unwrap_or((answer, ""));
    match verdict {
        "accept" => None,
        "defer" => Some(reply).filter(|reply| reply.starts_with('4')).map(str::to_owned),
        "reject" => Some(reply).filter(|reply| reply.starts_with('5')).map(str::to_owned),
        other => panic!("{other}"),
    }
}

/// run_mta_hooks: the reply needs status and message.
fn stalwart_hook(answer: &[u8]) -> Option<String> {
    let answer = json(answer);
    match answer["action"].as_str().unwrap() {
        "accept" => None,
        "reject" => {
            let response = &answer["response"];
            assert_eq!(response["disconnect"], false);
            let (status, message) = (response["status"].as_u64().unwrap(), response["message"].as_str().unwrap());
            Some(format!("{status} {} {message}", response["enhanced_status"].as_str().unwrap()))
        }
        other => panic!("{other}"),
    }
}

/// rspamd's mta-hooks-milter: unknown members, deletes and an accept with a response are errors.
fn mta_hooks_milter(answer: &[u8]) -> Option<String> {
    let answer = json(answer);
    assert!(answer.as_object().unwrap().keys().all(|name| ["set", "add", "delete"].contains(&name.as_str())));
    let mut action = "accept".to_owned();
    let mut response = Value::Null;
    for set in answer["set"].as_array().map(Vec::as_slice).unwrap_or_default() {
        assert_eq!(set.as_object().unwrap().len(), 2);
        match set["path"].as_str().unwrap() {
            "/action" => action = set["value"].as_str().unwrap().to_owned(),
            "/response" => response = set["value"].clone(),
            other => panic!("{other}"),
        }
    }
    match action.as_str() {
        "accept" => {
            assert!(response.is_null());
            None
        }
        "reject" => {
            let (code, enhanced) = (response["code"].as_u64().unwrap(), response["enhancedCode"].as_str().unwrap());
            Some(format!("{code} {enhanced} {}", response["message"].as_str().unwrap()))
        }
        other => panic!("{other}"),
    }
}

/// smtpd_check.c at RCPT: its own text before ours, behind the enhanced code.
fn postfix_policy(answer: &[u8]) -> Option<String> {
    let answer = std::str::from_utf8(answer).unwrap();
    let action = match answer.strip_prefix("action=") {
        Some(line) => line.strip_suffix("\n\n").unwrap(),
        None => answer,
    };
    if action == "DUNNO" {
        return None;
    }
    let mut words = action.splitn(3, ' ');
    let (code, enhanced, text) = (words.next()?, words.next()?, words.next()?);
    Some(format!("{code} {enhanced} <bob+tag@gw.test>: Recipient address rejected: {text}"))
}

// The world in which decisions are made.

fn defaults(own_hops: Option<u8>) -> Defaults {
    Defaults { tenant: "contoso".parse().ok(), connector: Some(Connector::OnPremises), own_hops }
}

/// The answer to a message whose server has come to the stage that gives this verdict.
fn decided(request: &Request<'_>, verdict: Action, render: impl Fn(&Decision<'_>) -> Vec<u8>) -> Vec<u8> {
    let (facts, freezes) = (Facts::built_in(), Freezes::default());
    let policy = Policy { mode: Mode::Enforce, ..Policy::default() };
    let rules = Rules::new(&facts, &policy, &freezes).unwrap();
    let event = &request.event;
    let recognition = recognise(event, &[], &facts.catalog);
    let server = recognition.server().expect("the header shows a server");
    let detected: Timestamp = "2026-08-10T08:15:08Z".parse().unwrap();
    let days = match verdict {
        Action::Accept => 1,
        Action::Defer => 31,
        Action::Reject => 95,
    };
    for minute in 0..60 {
        let now = detected.plus(days * DAY + minute * MINUTE);
        let phase = Phase::of_spell(Spell::between(detected, now), Vec::new());
        // the fixtures' fields are of several years: none of them lay in a queue
        let server = &ConnectingServer { stamped_at: Some(now), ..server.clone() };
        let context = DecisionContext { phase: Some(&phase), ..DecisionContext::new(rules, now) };
        let decision = tidegate_engine::decide(event, server, false, &context);
        if decision.action == verdict {
            return render(&decision);
        }
    }
    panic!("no minute of the hour gives {verdict:?}");
}

// The files.

/// A request as it went over the wire.
struct Http {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Http {
    fn read(name: &str) -> Self {
        let bytes = fs::read(path(&format!("{name}.request"))).unwrap();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let headers: Vec<(String, String)> = head
            .split("\r\n")
            .skip(1)
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut http = Self { headers, body: bytes[end + 4..].to_vec() };
        if http.fields(&["transfer-encoding"]) == ["chunked"] {
            http.body = unchunked(&http.body);
        } else {
            assert_eq!(http.fields(&["content-length"]), [http.body.len().to_string()], "{name}");
        }
        http
    }

    /// As `Headers.get` has them: repeated ones joined.
    fn fields(&self, names: &[&str]) -> Vec<String> {
        let values = |name: &str| {
            let values = self.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
            values.collect::<Vec<_>>().join(", ")
        };
        names.iter().map(|name| values(name)).collect()
    }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        rest = &rest[end + 2..];
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// What the file says has to be what was found; gives it back.
fn golden(name: &str, found: &[u8]) -> Vec<u8> {
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        fs::write(path(name), found).unwrap();
    }
    let told = fs::read(path(name)).unwrap_or_default();
    assert_eq!(String::from_utf8_lossy(&told), String::from_utf8_lossy(found), "{name}");
    told
}

#[test]
fn the_examples_keys_are_what_the_worker_finds() {
    let basic = Http::read("rspamd/opensmtpd").fields(&["authorization"]);
    let encoded = basic[0].strip_prefix("Basic ").unwrap();
    assert_eq!(base64::decode(encoded.as_bytes()), b"gateway:tg_k3f9_secret");
}
