//! The parser, and what it checks of any element: its children, attributes and text.

use crate::{
    configuration::{ConfigurationError, ConfigurationProblem as Problem, Position},
    xml::{Child, Element, Scope},
};

/// What has been found wrong so far, and the names and prefixes that hold at this place.
#[derive(Default)]
pub(super) struct Parser {
    pub(super) errors: Vec<ConfigurationError>,
    pub(super) scope: Scope,
}

impl Parser {
    pub(super) fn error(&mut self, position: Position, problem: Problem) {
        self.errors.push(ConfigurationError { position, problem });
    }

    /// The child elements, checked to be `known` ones.
    pub(super) fn children<'a>(&mut self, parent: &'a Element, known: &[&str]) -> Vec<&'a Element> {
        let mut elements = Vec::new();
        for child in &parent.children {
            match child {
                Child::Element(element) if known.contains(&element.name.as_str()) => elements.push(element),
                Child::Element(element) => self.error(
                    element.position,
                    Problem::UnknownElement {
                        element: element.name.clone(),
                        parent: parent.name.clone(),
                        expected: list(known),
                    },
                ),
                // The original overlooks it, and configurations in use contain some.
                Child::Text(_) => {}
            }
        }
        elements
    }

    /// Checks that there are no attributes but `known` ones and those of XML itself.
    pub(super) fn attributes(&mut self, element: &Element, known: &[&str]) {
        for (name, _) in &element.attributes {
            if !known.contains(&name.as_str()) && name != "xmlns" && !name.contains(':') {
                self.error(
                    element.position,
                    Problem::UnknownAttribute {
                        attribute: name.clone(),
                        element: element.name.clone(),
                        expected: list(known),
                    },
                );
            }
        }
    }

    /// The one child of this name; a second is an error.
    pub(super) fn single<'a>(&mut self, parent: &Element, children: &[&'a Element], name: &str) -> Option<&'a Element> {
        let mut found = children.iter().copied().filter(|element| element.name == name);
        let first = found.next();
        for second in found {
            self.error(
                second.position,
                Problem::Second {
                    element: name.to_owned(),
                    parent: parent.name.clone(),
                },
            );
        }
        first
    }

    pub(super) fn needed<'a>(
        &mut self,
        parent: &Element,
        children: &[&'a Element],
        name: &'static str,
    ) -> Option<&'a Element> {
        let found = self.single(parent, children, name);
        if found.is_none() {
            let parent_name = parent.name.clone();
            self.error(
                parent.position,
                Problem::Missing {
                    element: name,
                    parent: parent_name,
                },
            );
        }
        found
    }

    /// The trimmed text of the one child of this name, empty where there is none.
    pub(super) fn text(&mut self, parent: &Element, children: &[&Element], name: &str) -> String {
        match self.single(parent, children, name) {
            Some(element) => self.plain(element).trim().to_owned(),
            None => String::new(),
        }
    }

    /// The text of an element that holds nothing else.
    pub(super) fn plain(&mut self, element: &Element) -> String {
        for child in element.elements() {
            self.error(
                child.position,
                Problem::UnknownElement {
                    element: child.name.clone(),
                    parent: element.name.clone(),
                    expected: "text".to_owned(),
                },
            );
        }
        element.text()
    }

    pub(super) fn number<T: std::str::FromStr>(
        &mut self,
        position: Position,
        what: &str,
        text: &str,
        expected: &'static str,
    ) -> Option<T> {
        let number = text.trim().parse().ok();
        if number.is_none() {
            self.error(
                position,
                Problem::Value {
                    what: what.to_owned(),
                    found: text.to_owned(),
                    expected,
                },
            );
        }
        number
    }
}

fn list(names: &[&str]) -> String {
    match names {
        [] => "none".to_owned(),
        [name] => (*name).to_owned(),
        [names @ .., last] => format!("{} or {last}", names.join(", ")),
    }
}
