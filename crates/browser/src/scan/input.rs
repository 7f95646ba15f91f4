//! A file, or pasted text, that comes in chunks: a mailbox, which is read as it comes, or one message, of which the
//! beginning is held. What is neither is named.

use std::mem::take;

use super::charset::Charset;
use super::kind::{Kind, MAC_PREFIX, TELLING, Unfit};
use super::line::begins_with;
use super::mailbox::{self, Mailbox};
use super::{Block, Each, hold, pasted};

/// Octets in which a mailbox begins, if it is one.
const MAILBOX_HEAD: usize = 64 * 1024;
/// Octets in which a message's header ends.
const MESSAGE_HEAD: usize = 1 << 20;

#[derive(Debug, Default)]
pub struct Input {
    charset: Charset,
    /// What was read while that is not enough.
    held: Vec<u8>,
    stage: Stage,
}

#[derive(Debug, Default)]
enum Stage {
    /// Its kind is not told yet.
    #[default]
    Start,
    /// It is text, perhaps a mailbox.
    Text,
    Mailbox(Mailbox),
    /// One message, of which the beginning is asked for.
    Message,
    Unfit(Unfit),
}

impl Input {
    /// Takes in the next octets and hands over the headers that end in them.
    pub fn push(&mut self, octets: &[u8], each: Each<'_>) {
        let mut octets = octets;
        if matches!(self.stage, Stage::Start) {
            octets = fill(&mut self.held, octets, TELLING);
            if self.held.len() < TELLING {
                return;
            }
            self.start(each);
        }
        self.decode(octets, each);
    }

    pub fn wants_more(&self) -> bool {
        match self.stage {
            Stage::Message => self.held.len() < MESSAGE_HEAD,
            Stage::Unfit(_) => false,
            Stage::Start | Stage::Text | Stage::Mailbox(_) => true,
        }
    }

    /// Hands over what the input ends in, and is as new. Says what it is if it cannot be read.
    pub fn finish(&mut self, each: Each<'_>) -> Option<Unfit> {
        if matches!(self.stage, Stage::Start) {
            self.start(each);
        }
        let Self { held, stage, .. } = take(self);
        match stage {
            Stage::Mailbox(mut mailbox) => mailbox.finish(each),
            Stage::Unfit(kind) => return Some(kind),
            Stage::Text if read_small(&held, each) => {}
            Stage::Start | Stage::Text | Stage::Message => return read_message(&held, each),
        }
        None
    }

    fn start(&mut self, each: Each<'_>) {
        let head = take(&mut self.held);
        let head = match Kind::of(&head) {
            Kind::Text => &head,
            Kind::MacSource => head.get(MAC_PREFIX..).unwrap_or_default(),
            Kind::Unfit(kind) => {
                self.stage = Stage::Unfit(kind);
                return;
            }
        };
        let (charset, mark) = Charset::of(head);
        self.charset = charset;
        self.stage = Stage::Text;
        self.decode(head.get(mark..).unwrap_or_default(), each);
    }

    fn decode(&mut self, octets: &[u8], each: Each<'_>) {
        let text = self.charset.decode(octets);
        let mut text = &*text;
        if matches!(self.stage, Stage::Text) {
            text = fill(&mut self.held, text, MAILBOX_HEAD);
            if self.held.len() == MAILBOX_HEAD {
                self.decide(each);
            }
        }
        match &mut self.stage {
            Stage::Mailbox(mailbox) => mailbox.push(text, each),
            Stage::Message => drop(fill(&mut self.held, text, MESSAGE_HEAD)),
            Stage::Start | Stage::Text | Stage::Unfit(_) => {}
        }
    }

    fn decide(&mut self, each: Each<'_>) {
        self.stage = match mailbox::find(&self.held) {
            Some(start) => {
                let head = take(&mut self.held);
                let mut mailbox = Mailbox::new(&head);
                mailbox.push(head.get(start..).unwrap_or_default(), each);
                Stage::Mailbox(mailbox)
            }
            None => Stage::Message,
        };
    }
}

/// Adds up to `most` octets in all to what is held; returns the rest.
fn fill<'a>(held: &mut Vec<u8>, octets: &'a [u8], most: usize) -> &'a [u8] {
    let before = held.len();
    hold(held, octets, most);
    octets.get(held.len() - before..).unwrap_or_default()
}

/// Reads a mailbox of several messages. One of a single message is read as that, since it may have been pasted.
fn read_small(text: &[u8], each: Each<'_>) -> bool {
    let Some(start) = mailbox::find(text) else { return false };
    let text = text.get(start..).unwrap_or_default();
    let read = |each: Each<'_>| {
        let mut mailbox = Mailbox::new(text);
        mailbox.push(text, each);
        mailbox.finish(each);
    };
    let mut messages = 0;
    read(&mut |_| messages += 1);
    if messages > 1 {
        read(each);
    }
    messages > 1
}

fn read_message(text: &[u8], each: Each<'_>) -> Option<Unfit> {
    if is_markup(text) {
        return Some(Unfit::DOCUMENT);
    }
    match pasted::header(text) {
        Some(pasted) => each(Block { mended: pasted.mended, ..Block::cut(&pasted.header) }),
        None => return may_be_json(text).then_some(Unfit::JSON),
    }
    None
}

fn may_be_json(text: &[u8]) -> bool {
    matches!(text.trim_ascii_start().first(), Some(b'{' | b'[' | b'"'))
}

fn is_markup(text: &[u8]) -> bool {
    ["<!doctype html", "<html", "<?xml"].iter().any(|tag| begins_with(text.trim_ascii_start(), tag.as_bytes()))
}
