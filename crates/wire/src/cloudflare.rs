//! The `email` event of Cloudflare Email Routing.
//!
//! It knows neither the client's address nor SMTP codes. The address stands in the `Received` field that Cloudflare puts
//! on top, which is skipped where it is there. A reject's text goes into Cloudflare's own `550 5.7.1`, a defer is an
//! exception, of which the sender sees Cloudflare's own text for a temporary fault.

use std::borrow::Cow;

use tidegate_engine::Decision;

use crate::gateway::{Parts, Prefix, header_of};
use crate::native::{Circumstances, Defaults, Request};
use crate::problem::Problem;

/// The names by which Cloudflare's inbound servers call themselves.
const OWN_NAMES: [&[u8]; 2] = [b"cloudflare-email.net", b"cloudflare-email.com"];

/// The mail event of a message; `to` is the envelope's one recipient.
pub fn request<'a>(message: Prefix<'a>, to: &'a str, defaults: &Defaults) -> Result<Request<'a>, Problem> {
    let header = header_of(message);
    let own = header.received().next().filter(|field| !field.cut);
    let own = own.and_then(|field| tidegate_engine::parse_received(field.value).ok()).filter(|hop| is_own(hop.by_host));
    let (own_hops, client_ip) = own.map_or((0, None), |hop| (1, hop.from_address));
    let recipients = vec![Cow::Borrowed(to)];
    Parts { client_ip, recipients, header: Some(header), id: None }.request(own_hops, defaults)
}

fn is_own(host: &[u8]) -> bool {
    OWN_NAMES.iter().any(|name| {
        let at = host.len().checked_sub(name.len());
        at.and_then(|at| host.split_at_checked(at)).is_some_and(|(before, end)| {
            end.eq_ignore_ascii_case(name) && before.last().is_none_or(|octet| *octet == b'.')
        })
    })
}

/// The text for the sender, which begins with the enhanced code `4.7.230` or `5.7.230`; empty for an accept.
pub fn answer(decision: &Decision<'_>, _: Circumstances) -> Vec<u8> {
    decision.reply.as_ref().map(|reply| format!("{} {}", reply.enhanced, reply.text).into_bytes()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> (u8, Option<std::net::IpAddr>) {
        let defaults = Defaults { tenant: "contoso".parse().ok(), ..Defaults::default() };
        let message = Prefix { bytes: header.as_bytes(), is_whole: true };
        let event = request(message, "b@example.org", &defaults).unwrap().event;
        (event.own_hops, event.client_ip)
    }

    #[test]
    fn cloudflares_own_field_is_skipped_and_gives_the_address() {
        let own = "Received: from mail.contoso.com (203.0.113.7)\r\n        by cloudflare-email.net (unknown) id 4fwwffRXOpyR\r\n        for <b@example.org>; Tue, 27 Aug 2024 15:50:20 +0000\r\n";
        assert_eq!(read(own), (1, "203.0.113.7".parse().ok()));
        assert_eq!(read(&own.replace("by cloudflare", "by mx1.cloudflare")).0, 1);
        for other in ["by xcloudflare-email.net (", "by mail.contoso.com (", "by cloudflare-email.net.example ("] {
            let header = own.replace("by cloudflare-email.net (", other);
            assert_eq!(read(&header), (0, None), "{header}");
        }
        assert_eq!(read(""), (0, None));
    }
}
