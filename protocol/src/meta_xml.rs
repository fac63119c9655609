//! Meta attributes as XML, in the smallest form that images need.

use quick_xml::{Reader, escape::escape, events::Event};

use crate::Meta;

/// Why a text is not a set of meta attributes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the meta attributes are not readable: {0}")]
pub struct MetaError(String);

impl Meta {
    /// Reads `<ismrmrdMeta>`.
    pub fn parse(text: &str) -> Result<Self, MetaError> {
        let error = |error: &dyn std::fmt::Display| MetaError(error.to_string());
        let mut reader = Reader::from_str(text);
        let (mut meta, mut name, mut value) = (Self::new(), String::new(), String::new());
        loop {
            match reader.read_event().map_err(|e| error(&e))? {
                Event::Start(_) => value.clear(),
                Event::Text(text) => value.push_str(&text.xml10_content()),
                Event::GeneralRef(reference) => {
                    let resolved = reference.resolve_char_ref().map_err(|e| error(&e))?;
                    match (resolved, reference.as_ref()) {
                        (Some(character), _) => value.push(character),
                        (None, entity) => value.push_str(
                            quick_xml::escape::resolve_predefined_entity(entity)
                                .ok_or_else(|| MetaError(format!("unknown entity `{entity}`")))?,
                        ),
                    }
                }
                Event::End(end) => match end.name().as_ref() {
                    "name" => name = std::mem::take(&mut value),
                    "value" => meta.append(name.as_str(), std::mem::take(&mut value)),
                    _ => value.clear(),
                },
                Event::Eof => return Ok(meta),
                _ => {}
            }
        }
    }

    /// Writes `<ismrmrdMeta>` as the original does.
    pub fn to_xml(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\"?>\n<ismrmrdMeta>\n");
        for (name, values) in self.iter() {
            out += &format!("\t<meta>\n\t\t<name>{}</name>\n", escape(name));
            for value in values {
                out += &format!("\t\t<value>{}</value>\n", escape(value.as_str()));
            }
            out += "\t</meta>\n";
        }
        out + "</ismrmrdMeta>\n"
    }
}
