//! Text to element tree.

use std::borrow::Cow;

use quick_xml::{
    XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesRef, BytesStart, Event},
};

use super::{Child, Element, Limits, XmlError, XmlProblem};
use crate::configuration::Position;

/// The root element of `text`, within the default limits.
pub fn parse(text: &str) -> Result<Element, XmlError> {
    parse_with(text, &Limits::default())
}

/// The root element of `text`, within `limits`.
pub fn parse_with(text: &str, limits: &Limits) -> Result<Element, XmlError> {
    if text.len() > limits.bytes {
        return Err(XmlError {
            position: Position::default(),
            problem: XmlProblem::TooLarge {
                bytes: text.len(),
                limit: limits.bytes,
            },
        });
    }
    // Strings on the wire often keep the zero that ended them in C.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end_matches('\0');
    let mut places = Places::new(text);
    if let Some(zero) = text.find('\0') {
        return Err(XmlProblem::Zero.at(places.at(zero as u64)));
    }
    let mut reader = quick_xml::Reader::from_str(text);
    let mut tree = Tree::new(*limits);
    loop {
        let position = places.at(reader.buffer_position());
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(quick_xml::Error::IllFormed(quick_xml::errors::IllFormedError::MissingEndTag(name))) => {
                return Err(XmlError {
                    position,
                    problem: XmlProblem::Unclosed(name),
                });
            }
            Err(error) => {
                let position = places.at(reader.error_position());
                return Err(malformed(error).at(position));
            }
        };
        let done = matches!(event, Event::Eof);
        tree.take(event, position).map_err(|problem| problem.at(position))?;
        if done {
            return tree.root.ok_or_else(|| XmlProblem::NoRoot.at(position));
        }
    }
}

/// `bytes` as text; an error says where they stop being UTF-8 and which encoding they claim.
pub fn decode(bytes: &[u8]) -> Result<&str, XmlError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let (good, _) = bytes.split_at(error.valid_up_to());
        let mut places = Places::new(std::str::from_utf8(good).unwrap_or_default());
        XmlProblem::NotUtf8(claimed_encoding(bytes)).at(places.at(u64::MAX))
    })
}

/// `bytes` as text, whatever they are: UTF-8, or else Latin-1, in which every byte is a character. Scanners' converters copy
/// the names of patients and protocols as they find them, which is no reason to refuse a measurement or an image.
pub fn decode_leniently(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

/// The encoding that the declaration of `bytes` names.
fn claimed_encoding(bytes: &[u8]) -> Option<String> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Some("UTF-16".to_owned());
    }
    let start = String::from_utf8_lossy(bytes.get(..200).unwrap_or(bytes));
    let (declaration, _) = start.strip_prefix("<?xml")?.split_once("?>")?;
    let (_, value) = declaration.split_once("encoding")?;
    value.split(['"', '\'']).nth(1).map(str::to_owned)
}

impl XmlProblem {
    pub(crate) fn at(self, position: Position) -> XmlError {
        XmlError {
            position,
            problem: self,
        }
    }
}

fn malformed(error: impl std::fmt::Display) -> XmlProblem {
    XmlProblem::Malformed(error.to_string())
}

/// Lines and columns of ascending byte offsets, each text byte looked at once.
struct Places<'a> {
    rest: &'a str,
    offset: u64,
    position: Position,
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            offset: 0,
            position: Position { line: 1, column: 1 },
        }
    }

    /// The place of `offset`, or of the end of the text when it is beyond.
    fn at(&mut self, offset: u64) -> Position {
        while self.offset < offset
            && let Some(next) = self.rest.chars().next()
        {
            self.rest = &self.rest[next.len_utf8()..];
            self.offset += next.len_utf8() as u64;
            if next == '\n' {
                self.position.line = self.position.line.saturating_add(1);
                self.position.column = 1;
            } else {
                self.position.column = self.position.column.saturating_add(1);
            }
        }
        self.position
    }
}

/// The tree while it grows.
struct Tree {
    limits: Limits,
    count: usize,
    open: Vec<Element>,
    root: Option<Element>,
}

impl Tree {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            count: 0,
            open: Vec::new(),
            root: None,
        }
    }

    fn take(&mut self, event: Event<'_>, position: Position) -> Result<(), XmlProblem> {
        match event {
            Event::Start(start) => {
                let element = self.element(&start, position)?;
                self.open.push(element);
            }
            Event::Empty(start) => {
                let element = self.element(&start, position)?;
                self.close(element);
            }
            Event::End(_) => {
                // The reader has checked that the tags match.
                if let Some(element) = self.open.pop() {
                    self.close(element);
                }
            }
            Event::Text(text) => self.text(&text.xml10_content())?,
            Event::CData(text) => self.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => self.text(&resolve(&reference)?)?,
            Event::DocType(_) => return Err(XmlProblem::DocumentType),
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
            Event::Eof => {
                if let Some(element) = self.open.pop() {
                    return Err(XmlProblem::Unclosed(element.name));
                }
            }
        }
        Ok(())
    }

    fn element(&mut self, start: &BytesStart<'_>, position: Position) -> Result<Element, XmlProblem> {
        let name = start.name();
        checked_name(name.as_ref())?;
        let (prefix, name) = split_name(name.as_ref());
        if self.root.is_some() {
            return Err(XmlProblem::SecondRoot(name.to_owned()));
        }
        let depth = self.limits.depth.min(Limits::DEEPEST);
        if self.open.len() >= depth {
            return Err(XmlProblem::TooDeep(depth));
        }
        self.count += 1;
        if self.count > self.limits.elements {
            return Err(XmlProblem::TooManyElements(self.limits.elements));
        }
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(malformed)?;
            if attributes.len() == self.limits.attributes {
                return Err(XmlProblem::TooManyAttributes {
                    name: name.to_owned(),
                    limit: self.limits.attributes,
                });
            }
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(malformed)?
                .into_owned();
            checked_name(attribute.key.as_ref())?;
            attributes.push((attribute.key.as_ref().to_owned(), value));
        }
        Ok(Element {
            prefix: prefix.to_owned(),
            name: name.to_owned(),
            attributes,
            children: Vec::new(),
            position,
        })
    }

    fn close(&mut self, mut element: Element) {
        drop_layout(&mut element.children);
        match self.open.last_mut() {
            Some(parent) => parent.children.push(Child::Element(element)),
            None => self.root = Some(element),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), XmlProblem> {
        match self.open.last_mut() {
            Some(parent) => match parent.children.last_mut() {
                Some(Child::Text(before)) => before.push_str(text),
                _ if text.is_empty() => {}
                _ => parent.children.push(Child::Text(text.to_owned())),
            },
            None if text.trim_matches(is_layout).is_empty() => {}
            None => return Err(XmlProblem::TextOutside),
        }
        Ok(())
    }
}

/// The reader takes all up to white space for a name, so that `<<a>` were an element of the name `<a`.
fn checked_name(name: &str) -> Result<(), XmlProblem> {
    let unfit = |c: char| matches!(c, '<' | '>' | '&' | '"' | '\'' | '=' | '/') || c.is_control();
    match name.is_empty() || name.contains(unfit) {
        true => Err(malformed(format_args!("{name:?} is no name"))),
        false => Ok(()),
    }
}

/// Prefix and local name.
fn split_name(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}

/// White space between elements is layout; beside other text, or alone, it is text.
fn drop_layout(children: &mut Vec<Child>) {
    let only_layout = children.iter().all(|child| match child {
        Child::Element(_) => true,
        Child::Text(text) => text.chars().all(is_layout),
    });
    if only_layout && children.iter().any(|child| matches!(child, Child::Element(_))) {
        children.retain(|child| matches!(child, Child::Element(_)));
    }
}

fn is_layout(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

fn resolve(reference: &BytesRef<'_>) -> Result<String, XmlProblem> {
    if let Some(character) = reference.resolve_char_ref().map_err(malformed)? {
        return Ok(character.to_string());
    }
    let name: &str = reference;
    resolve_predefined_entity(name)
        .map(str::to_owned)
        .ok_or_else(|| XmlProblem::UnknownEntity(name.to_owned()))
}
