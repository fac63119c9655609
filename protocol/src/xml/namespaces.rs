//! Namespace prefixes: known elements are recognised by local name, unknown ones keep what their prefixes mean.

use super::{Child, Element};

/// The prefixes declared by the elements around a place, innermost last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope(Vec<(String, String)>);

impl Scope {
    /// The scope inside of `element`.
    pub(crate) fn inside(&self, element: &Element) -> Self {
        let mut scope = self.clone();
        scope
            .0
            .extend(declarations(element).map(|(prefix, uri)| (prefix.to_owned(), uri.to_owned())));
        scope
    }

    /// Declares on `element` the prefixes it and its children use and this scope alone explains, so that it can stand
    /// elsewhere.
    pub(crate) fn detach(&self, element: &mut Element) {
        if self.0.is_empty() {
            return;
        }
        let mut missing = Vec::new();
        undeclared(element, &mut Vec::new(), &mut missing);
        for prefix in missing {
            if let Some((_, uri)) = self.0.iter().rev().find(|(known, _)| *known == prefix) {
                element.attributes.push((format!("xmlns:{prefix}"), uri.clone()));
            }
        }
    }
}

fn declarations(element: &Element) -> impl Iterator<Item = (&str, &str)> {
    element
        .attributes
        .iter()
        .filter_map(|(name, uri)| Some((name.strip_prefix("xmlns:")?, uri.as_str())))
}

/// Adds to `missing` the prefixes used in `element` that neither it nor `declared` declares.
fn undeclared<'a>(element: &'a Element, declared: &mut Vec<&'a str>, missing: &mut Vec<String>) {
    let outside = declared.len();
    declared.extend(declarations(element).map(|(prefix, _)| prefix));
    let prefixes = element
        .attributes
        .iter()
        .filter_map(|(name, _)| name.split_once(':').map(|(prefix, _)| prefix));
    for prefix in prefixes.chain([element.prefix.as_str()]) {
        let known = matches!(prefix, "" | "xmlns" | "xml") || declared.contains(&prefix);
        if !known && !missing.iter().any(|other| other == prefix) {
            missing.push(prefix.to_owned());
        }
    }
    for child in &element.children {
        if let Child::Element(child) = child {
            undeclared(child, declared, missing);
        }
    }
    declared.truncate(outside);
}
