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

/// A path below a root, as far as two names.
pub struct Path {
    pub first: Import,
    pub second: Option<String>,
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
        self.paths(root).into_iter().map(|path| path.first).collect()
    }

    /// The same by the first two names: of `root::a::B` and `root::{a::{B, C}, d}` it is `a::B` and `a::B`, `a::C`, `d`.
    pub fn paths(&self, root: &str) -> Vec<Path> {
        let mut found = Vec::new();
        for (index, token) in self.tokens.iter().enumerate() {
            let rest = self.tokens.get(index + 1..).unwrap_or_default();
            match (token, rest) {
                (Token::Name(name), [Token::Other(':'), Token::Other(':'), rest @ ..]) if name.name == root => {
                    read_tree(rest, None, &mut found);
                }
                _ => {}
            }
        }
        found
    }
}

/// Reads a path, or each path of a list, below the name `before`. What follows it.
fn read_tree<'a>(tokens: &'a [Token], before: Option<&Import>, found: &mut Vec<Path>) -> &'a [Token] {
    let path = |name: &Import| match before {
        Some(first) => Path { first: first.clone(), second: Some(name.name.clone()) },
        None => Path { first: name.clone(), second: None },
    };
    match tokens {
        [Token::Name(name), Token::Other(':'), Token::Other(':'), rest @ ..] if before.is_none() => {
            read_tree(rest, Some(name), found)
        }
        [Token::Name(name), rest @ ..] => {
            found.push(path(name));
            rest
        }
        [Token::Other('{'), rest @ ..] => {
            let mut rest = read_tree(rest, before, found);
            while let Some((token, behind)) = skip_to_mark(rest).split_first() {
                match token {
                    Token::Other(',') => rest = read_tree(behind, before, found),
                    _ => return behind,
                }
            }
            &[]
        }
        _ => {
            found.extend(before.map(|first| Path { first: first.clone(), second: None }));
            tokens
        }
    }
}

/// From the next comma on, or from the brace that ends the list.
fn skip_to_mark(tokens: &[Token]) -> &[Token] {
    let mut depth = 0usize;
    let is_mark = |token: &Token| {
        match token {
            Token::Other('{') => depth += 1,
            Token::Other(',') if depth == 0 => return true,
            Token::Other('}') if depth == 0 => return true,
            Token::Other('}') => depth -= 1,
            _ => {}
        }
        false
    };
    let at = tokens.iter().position(is_mark).unwrap_or(tokens.len());
    tokens.get(at..).unwrap_or_default()
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
