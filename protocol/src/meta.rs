//! Meta attributes of an image: names with lists of values, carried as XML.

use std::collections::BTreeMap;

use crate::xml::{self, XmlError, XmlWriter};

/// Why a text is not a set of meta attributes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetaError {
    /// Not XML.
    #[error("the meta attributes are not readable: {0}")]
    Xml(#[from] XmlError),
    /// XML, but something else.
    #[error("the root element is <{0}>; meta attributes begin with <ismrmrdMeta>")]
    Root(String),
}

/// Meta attributes, sorted by name; every value is kept as its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    entries: BTreeMap<String, Vec<String>>,
}

impl Meta {
    /// No attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads `<ismrmrdMeta>`; values of a name that comes again are added.
    pub fn parse(text: &str) -> Result<Self, MetaError> {
        let root = xml::parse(text)?;
        if root.name != "ismrmrdMeta" {
            return Err(MetaError::Root(root.name));
        }
        let mut meta = Self::new();
        for entry in root.elements().filter(|element| element.name == "meta") {
            let name = entry.child("name").map(xml::Element::text).unwrap_or_default();
            for value in entry.elements().filter(|element| element.name == "value") {
                meta.append(name.as_str(), value.text());
            }
        }
        Ok(meta)
    }

    /// Writes `<ismrmrdMeta>` byte for byte as the original does.
    pub fn to_xml(&self) -> String {
        let mut out = XmlWriter::document();
        out.open("ismrmrdMeta", &[]);
        for (name, values) in self.iter() {
            out.open("meta", &[]);
            out.leaf("name", name);
            values.iter().for_each(|value| out.leaf("value", value));
            out.close("meta");
        }
        out.close("ismrmrdMeta");
        out.finish()
    }

    /// Whether there is no attribute.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All values of `name`.
    pub fn values(&self, name: &str) -> &[String] {
        self.entries.get(name).map_or(&[], Vec::as_slice)
    }

    /// The first value of `name`.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.values(name).first().map(String::as_str)
    }

    /// The first value of `name` as a whole number, read as a C++ stream reads it (`"1.5"` is 1, text is 0).
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.first(name).map(|text| {
            let text = text.trim_start();
            let end = text
                .char_indices()
                .find(|&(i, c)| !(c.is_ascii_digit() || i == 0 && (c == '-' || c == '+')));
            text[..end.map_or(text.len(), |(i, _)| i)].parse().unwrap_or(0)
        })
    }

    /// The first value of `name` as a number (text is 0).
    pub fn number(&self, name: &str) -> Option<f64> {
        self.first(name).map(|text| text.trim().parse().unwrap_or(0.0))
    }

    /// Replaces the values of `name` by this one.
    pub fn set(&mut self, name: impl Into<String>, value: impl MetaValue) {
        self.entries.insert(name.into(), vec![value.text()]);
    }

    /// Adds a value to `name`.
    pub fn append(&mut self, name: impl Into<String>, value: impl MetaValue) {
        self.entries.entry(name.into()).or_default().push(value.text());
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.entries
            .iter()
            .map(|(name, values)| (name.as_str(), values.as_slice()))
    }
}

/// What can be a value of a meta attribute.
pub trait MetaValue {
    /// Its text, as ISMRMRD prints it: whole numbers plainly, others with six significant digits.
    fn text(&self) -> String;
}

impl MetaValue for &str {
    fn text(&self) -> String {
        (*self).to_owned()
    }
}

impl MetaValue for String {
    fn text(&self) -> String {
        self.clone()
    }
}

impl MetaValue for i64 {
    fn text(&self) -> String {
        self.to_string()
    }
}

impl MetaValue for f64 {
    fn text(&self) -> String {
        six_digits(*self)
    }
}

/// As C's `%g` prints: six significant digits, trailing zeros removed, an exponent when it is shorter.
fn six_digits(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            "nan".into()
        } else if value > 0.0 {
            "inf".into()
        } else {
            "-inf".into()
        };
    }
    if value == 0.0 {
        return if value.is_sign_negative() {
            "-0".into()
        } else {
            "0".into()
        };
    }
    let scientific = format!("{value:.5e}");
    let (mantissa, exponent) = scientific.split_once('e').expect("the format has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a number");
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if (-4..6).contains(&exponent) {
        let decimals = usize::try_from(5 - exponent).expect("at most 9 decimals");
        trim(&format!("{value:.decimals$}"))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trim(mantissa), exponent.abs())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_text_is_the_originals() {
        let mut meta = Meta::new();
        meta.set("deviceID", "");
        meta.set("PatientPosition", 0.5);
        meta.append("PatientPosition", 2_i64);
        let text = "<?xml version=\"1.0\"?>\n<ismrmrdMeta>\n\t<meta>\n\t\t<name>PatientPosition</name>\n\t\t<value>0.5</value>\n\
                    \t\t<value>2</value>\n\t</meta>\n\t<meta>\n\t\t<name>deviceID</name>\n\t\t<value></value>\n\t</meta>\n</ismrmrdMeta>\n";
        assert_eq!(meta.to_xml(), text);
        assert_eq!(Meta::parse(text), Ok(meta));
        assert_eq!(Meta::new().to_xml(), "<?xml version=\"1.0\"?>\n<ismrmrdMeta />\n");
    }

    #[test]
    fn what_is_not_meta_is_refused() {
        assert_eq!(Meta::parse("<x/>"), Err(MetaError::Root("x".into())));
        assert!(matches!(Meta::parse("<ismrmrdMeta>"), Err(MetaError::Xml(_))));
    }

    proptest! {
        #[test]
        fn any_text_survives(entries in prop::collection::btree_map("[^\0]{0,9}", prop::collection::vec("[^\0]{0,9}", 1..4), 0..5)) {
            let mut meta = Meta::new();
            for (name, values) in &entries {
                values.iter().for_each(|value| meta.append(name.as_str(), value.as_str()));
            }
            prop_assert_eq!(Meta::parse(&meta.to_xml()), Ok(meta));
        }
    }

    #[test]
    fn numbers_are_printed_as_c_prints_them() {
        let cases = [
            (1.0, "1"),
            (0.1, "0.1"),
            (123_456_789.0, "1.23457e+08"),
            (0.000_012_3, "1.23e-05"),
        ];
        for (value, text) in cases
            .into_iter()
            .chain([(300.0, "300"), (-2.5, "-2.5"), (999_999.5, "1e+06")])
        {
            assert_eq!(six_digits(value), text);
        }
    }

    #[test]
    fn whole_numbers_are_read_as_a_stream_reads_them() {
        let mut meta = Meta::new();
        for (text, value) in [("1.5", 1), ("-7", -7), ("x", 0), (" 12 ", 12)] {
            meta.set("n", text);
            assert_eq!(meta.integer("n"), Some(value), "{text}");
        }
    }
}
