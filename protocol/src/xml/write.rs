//! Element tree to text, in pugixml's layout.

use super::{Child, Element};

/// Writes elements; what is inside of an element is indented by one tab more.
#[derive(Debug)]
pub(crate) struct XmlWriter {
    out: String,
    depth: usize,
    /// Where the children of the innermost open element begin.
    inside: usize,
}

impl XmlWriter {
    /// A document that begins with the XML declaration.
    pub(crate) fn document() -> Self {
        Self {
            out: "<?xml version=\"1.0\"?>\n".to_owned(),
            depth: 0,
            inside: 0,
        }
    }

    /// The text.
    pub(crate) fn finish(self) -> String {
        self.out
    }

    /// Opens an element.
    pub(crate) fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.indent();
        self.tag(name, attributes.iter().copied());
        self.out.push_str(">\n");
        self.inside = self.out.len();
        self.depth += 1;
    }

    /// Closes the element opened last.
    pub(crate) fn close(&mut self, name: &str) {
        self.depth = self.depth.saturating_sub(1);
        if self.inside == self.out.len() {
            self.out.truncate(self.inside - 2);
            self.out.push_str(" />\n");
            self.inside = 0;
            return;
        }
        self.indent();
        self.end(name);
        self.out.push('\n');
    }

    /// An element with nothing but text.
    pub(crate) fn leaf(&mut self, name: &str, text: &str) {
        self.indent();
        self.tag(name, []);
        self.out.push('>');
        escape(&mut self.out, text, false);
        self.end(name);
        self.out.push('\n');
    }

    /// A whole element.
    pub(crate) fn element(&mut self, element: &Element) {
        let name = qualified(element);
        if element.children.iter().all(|child| matches!(child, Child::Element(_))) {
            let attributes: Vec<_> = attributes(element).collect();
            self.open(&name, &attributes);
            element.elements().for_each(|child| self.element(child));
            self.close(&name);
        } else {
            self.indent();
            self.inline(element);
            self.out.push('\n');
        }
    }

    /// An element beside or with text: layout would become part of the text, so there is none.
    fn inline(&mut self, element: &Element) {
        let name = qualified(element);
        self.tag(&name, attributes(element));
        if element.children.is_empty() {
            self.out.push_str(" />");
            return;
        }
        self.out.push('>');
        for child in &element.children {
            match child {
                Child::Element(child) => self.inline(child),
                Child::Text(text) => escape(&mut self.out, text, false),
            }
        }
        self.end(&name);
    }

    fn indent(&mut self) {
        self.out.extend(std::iter::repeat_n('\t', self.depth));
    }

    fn tag<'a>(&mut self, name: &str, attributes: impl IntoIterator<Item = (&'a str, &'a str)>) {
        self.out.push('<');
        self.out.push_str(name);
        for (key, value) in attributes {
            self.out.push(' ');
            self.out.push_str(key);
            self.out.push_str("=\"");
            escape(&mut self.out, value, true);
            self.out.push('"');
        }
    }

    fn end(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }
}

fn qualified(element: &Element) -> String {
    match element.prefix.as_str() {
        "" => element.name.clone(),
        prefix => format!("{prefix}:{}", element.name),
    }
}

fn attributes(element: &Element) -> impl Iterator<Item = (&str, &str)> {
    element
        .attributes
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
}

/// Appends `text`, escaped so that reading gives it back; a zero, which XML cannot say, becomes U+FFFD.
fn escape(out: &mut String, text: &str, in_attribute: bool) {
    use std::fmt::Write;
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if in_attribute => out.push_str("&quot;"),
            '\0' => out.push('\u{fffd}'),
            '\t' | '\n' if !in_attribute => out.push(character),
            '\0'..' ' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "&#{:02};", u32::from(character));
            }
            _ => out.push(character),
        }
    }
}
