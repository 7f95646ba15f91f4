//! Rust sources as tokens: what a module names. Comments and literals are no names, and tests may import what they like.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::report::Report;

/// The tokens of one file without its tests.
pub struct Source {
    tokens: Vec<Token>,
}

/// A name and where it stands.
#[derive(Clone)]
pub struct Import {
    pub name: String,
    /// From 1.
    pub line: usize,
}

/// Groups are flattened: names, and everything between them.
enum Token {
    Name(Import),
    Other(char),
}

impl Source {
    /// `None`, and a fault, where the text is no Rust.
    pub fn read(report: &mut Report<'_>) -> Option<Self> {
        match report.text.parse::<TokenStream>() {
            Ok(stream) => {
                let mut tokens = Vec::new();
                flatten(stream, &mut tokens);
                Some(Self { tokens })
            }
            Err(error) => {
                report.line(error.span().start().line, "is no Rust");
                None
            }
        }
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = Import> {
        self.tokens.iter().filter_map(|token| match token {
            Token::Name(import) => Some(import.clone()),
            Token::Other(_) => None,
        })
    }

    /// What is named right below `root`: of `root::a::B` and `root::{a::B, c}` it is `a` and `a`, `c`.
    pub fn below(&self, root: &str) -> Vec<Import> {
        let mut found = Vec::new();
        for (index, token) in self.tokens.iter().enumerate() {
            let rest = self.tokens.get(index + 1..).unwrap_or_default();
            match (token, rest) {
                (Token::Name(name), [Token::Other(':'), Token::Other(':'), rest @ ..]) if name.name == root => {
                    found.extend(heads(rest));
                }
                _ => {}
            }
        }
        found
    }
}

/// The first name of a path, or of each path of a list.
fn heads(tokens: &[Token]) -> Vec<Import> {
    let mut found = Vec::new();
    let mut depth = 0usize;
    let mut begins = true;
    for token in tokens {
        match token {
            Token::Name(import) if begins => {
                found.push(import.clone());
                begins = false;
            }
            Token::Other('{') => depth += 1,
            Token::Other('}') => depth = depth.saturating_sub(1),
            Token::Other(',') if depth == 1 => begins = true,
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    let mut stream = stream.into_iter().peekable();
    while let Some(tree) = stream.next() {
        match tree {
            TokenTree::Punct(mark) if mark.as_char() == '#' => match stream.peek() {
                Some(TokenTree::Group(attribute)) if attribute.stream().to_string().replace(' ', "") == "cfg(test)" => {
                    // the attribute, and the item below it up to its end
                    stream.find(|tree| match tree {
                        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                        TokenTree::Punct(mark) => mark.as_char() == ';',
                        _ => false,
                    });
                }
                _ => tokens.push(Token::Other('#')),
            },
            TokenTree::Punct(mark) => tokens.push(Token::Other(mark.as_char())),
            TokenTree::Ident(name) => {
                tokens.push(Token::Name(Import { name: name.to_string(), line: name.span().start().line }));
            }
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Brace => ('{', '}'),
                    Delimiter::Parenthesis => ('(', ')'),
                    Delimiter::Bracket => ('[', ']'),
                    Delimiter::None => (' ', ' '),
                };
                tokens.push(Token::Other(open));
                flatten(group.stream(), tokens);
                tokens.push(Token::Other(close));
            }
            TokenTree::Literal(_) => tokens.push(Token::Other('"')),
        }
    }
}
