//! `POST /gateways/stalwart`: MTA Hooks as Stalwart's released servers speak them (not the later draft:
//! [`crate::mta_hooks`]).
//!
//! The request is JSON with the message's header before its contents, which are passed over unread. Stalwart's own
//! `Received` field is not on top. A reply needs status and text, or the sender sees Stalwart's own; a defer is a reject
//! with 450. The sender sees `450 4.7.230 TEXT` and `550 5.7.230 TEXT`.

use tidegate_engine::Decision;
use tidegate_engine::{Header, MAX_FIELDS};

use crate::gateway::{Asked, Parts, address};
use crate::json::{Read, Reader};
use crate::native::{Circumstances, Defaults, Request};
use crate::problem::Problem;
use crate::rspamd::quoted;

pub const FIELDS: &[&str] = &[];

const OWN_HOPS: u8 = 0;

/// The mail event, from what was read. A stage without a message has no header, and is accepted.
pub fn request<'a>(asked: &Asked<'a>, defaults: &Defaults) -> Result<Request<'a>, Problem> {
    let (mut parts, mut pairs) = (Parts::default(), Vec::new());
    let mut reader = Reader::new(asked.body.bytes);
    // what could be read before the end is what there is
    let _ = reader.members(&mut |name, reader| match name {
        b"context" => context(&mut parts, reader),
        b"envelope" => reader.members(&mut |name, reader| match name {
            b"to" => recipients(&mut parts, reader),
            _ => reader.skip(),
        }),
        b"message" => reader.members(&mut |name, reader| match name {
            b"headers" => reader.items(&mut |reader| {
                let mut pair = [None, None];
                let mut index = 0;
                reader.items(&mut |reader| {
                    let text = reader.text()?;
                    if let Some(place) = pair.get_mut(index) {
                        *place = text;
                    }
                    index += 1;
                    Ok(())
                })?;
                if let [Some(name), Some(value)] = pair
                    && pairs.len() <= MAX_FIELDS
                {
                    pairs.push((name, value));
                }
                Ok(())
            }),
            _ => reader.skip(),
        }),
        _ => reader.skip(),
    });
    parts.header = Some(Header::Pairs(pairs));
    parts.request(OWN_HOPS, defaults)
}

fn context<'a>(parts: &mut Parts<'a>, reader: &mut Reader<'a>) -> Read<()> {
    reader.members(&mut |name, reader| match name {
        b"client" => client(parts, reader),
        b"queue" => queue(parts, reader),
        _ => reader.skip(),
    })
}

/// The member `client` as both dialects of MTA Hooks have it.
pub(crate) fn client<'a>(parts: &mut Parts<'a>, reader: &mut Reader<'a>) -> Read<()> {
    reader.members(&mut |name, reader| match name {
        b"ip" => {
            parts.client_ip = reader.lossy()?.and_then(|ip| address(&ip));
            Ok(())
        }
        _ => reader.skip(),
    })
}

/// The member `queue` as both dialects have it.
pub(crate) fn queue<'a>(parts: &mut Parts<'a>, reader: &mut Reader<'a>) -> Read<()> {
    reader.members(&mut |name, reader| match name {
        b"id" => {
            parts.id = reader.lossy()?;
            Ok(())
        }
        _ => reader.skip(),
    })
}

/// The envelope's member `to` as both dialects have it.
pub(crate) fn recipients<'a>(parts: &mut Parts<'a>, reader: &mut Reader<'a>) -> Read<()> {
    reader.items(&mut |reader| {
        // one whose address cannot be read is still a recipient
        let mut address = None;
        reader.members(&mut |name, reader| match name {
            b"address" => {
                address = reader.lossy()?;
                Ok(())
            }
            _ => reader.skip(),
        })?;
        parts.recipients.push(address.unwrap_or_default());
        Ok(())
    })
}

pub fn answer(decision: &Decision<'_>, _: Circumstances) -> Vec<u8> {
    match &decision.reply {
        None => br#"{"action":"accept"}"#.to_vec(),
        Some(reply) => format!(
            r#"{{"action":"reject","response":{{"status":{},"enhanced_status":"{}","message":{},"disconnect":false}}}}"#,
            reply.code,
            reply.enhanced,
            quoted(&reply.text)
        )
        .into_bytes(),
    }
}
