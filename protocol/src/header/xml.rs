//! The header as XML: how values, repeated values and records are read and written.
//!
//! Real headers are not all valid, so reading is as lenient as the ISMRMRD library's: a missing or empty number is
//! absent (or its default where the schema wants it), white space around numbers does not matter, whole numbers may be
//! written `6e2` or `256.0`. What is left over goes to `unknown`, at the level where it stood.

use super::*;
use crate::{
    configuration::Position,
    xml::{self, Child, Element, Scope, XmlError, XmlWriter},
};

/// The namespace of the header.
const NAMESPACE: &str = "http://www.ismrm.org/ISMRMRD";

/// Why a text is not an ISMRMRD header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Not XML.
    #[error("the ISMRMRD header is not readable: {0}")]
    Xml(#[from] XmlError),
    /// XML, but something else.
    #[error("{position}: the root element is <{found}>; an ISMRMRD header begins with <ismrmrdHeader>")]
    Root {
        /// Where.
        position: Position,
        /// The root element.
        found: String,
    },
    /// A needed element is not there.
    #[error("{position}: the ISMRMRD header has no <{element}>; it needs at least one")]
    Missing {
        /// Where it should be.
        position: Position,
        /// What is missing.
        element: &'static str,
    },
    /// A value is not what the schema says.
    #[error("{position}: <{element}> is \"{found}\"; expected {expected}")]
    Value {
        /// Where.
        position: Position,
        /// The element.
        element: String,
        /// What it contains.
        found: String,
        /// What it should contain.
        expected: &'static str,
    },
}

pub(super) type Result<T> = std::result::Result<T, HeaderError>;

impl IsmrmrdHeader {
    /// Reads a header.
    pub fn parse(text: &str) -> Result<Self> {
        let root = xml::parse(text)?;
        let position = root.position;
        if root.name != "ismrmrdHeader" {
            return Err(HeaderError::Root {
                position,
                found: root.name,
            });
        }
        let header = Self::read(root, &Scope::default(), &mut Vec::new())?.unwrap_or_default();
        if header.encoding.is_empty() {
            return Err(HeaderError::Missing {
                position,
                element: "encoding",
            });
        }
        Ok(header)
    }

    /// Writes it as a document, elements in the order of the schema.
    pub fn to_xml(&self) -> String {
        let mut out = XmlWriter::document();
        out.open("ismrmrdHeader", &[("xmlns", NAMESPACE)]);
        self.put_fields(&mut out);
        out.close("ismrmrdHeader");
        out.finish()
    }
}

/// The children of an element, taken out by name.
pub(super) struct Fields {
    elements: Vec<Element>,
    scope: Scope,
    kept: Vec<Element>,
}

impl Fields {
    pub(super) fn new(element: Element, scope: &Scope) -> Self {
        let scope = scope.inside(&element);
        let elements = element
            .children
            .into_iter()
            .filter_map(|child| match child {
                Child::Element(element) => Some(element),
                Child::Text(_) => None,
            })
            .collect();
        Self {
            elements,
            scope,
            kept: Vec::new(),
        }
    }

    /// The first child of this name.
    fn first(&mut self, name: &str) -> Option<Element> {
        let index = self.elements.iter().position(|element| element.name == name)?;
        Some(self.elements.remove(index))
    }

    fn read<T: Value>(&mut self, element: Element) -> Result<Option<T>> {
        T::read(element, &self.scope, &mut self.kept)
    }

    /// What nobody took.
    pub(super) fn rest(mut self) -> Vec<Element> {
        self.kept.append(&mut self.elements);
        for element in &mut self.kept {
            self.scope.detach(element);
        }
        self.kept
    }

    /// For a type that has no place of its own for unknown elements: hands them to the parent, inside of an element of
    /// the name they came in, which the parent will read again as a surplus one.
    fn hand_up(self, name: String, prefix: String, kept: &mut Vec<Element>) {
        let rest = self.rest();
        if !rest.is_empty() {
            kept.push(Element {
                prefix,
                name,
                children: rest.into_iter().map(Child::Element).collect(),
                ..Element::default()
            });
        }
    }
}

/// What one element can hold.
pub(super) trait Value: Sized {
    /// Reads it; `None` where the element is empty and that means absent. `kept` takes unknown elements.
    fn read(element: Element, scope: &Scope, kept: &mut Vec<Element>) -> Result<Option<Self>>;
    fn write(&self, name: &str, out: &mut XmlWriter);
}

/// A value made of fields.
pub(super) trait Record {
    /// Writes the elements inside.
    fn put_fields(&self, out: &mut XmlWriter);
}

/// What a field can be: a value that must be there, may be there, or may be there often.
pub(super) trait Field: Sized {
    fn take(fields: &mut Fields, name: &str) -> Result<Self>;
    fn put(&self, name: &str, out: &mut XmlWriter);
}

impl<T: Value + Default> Field for T {
    fn take(fields: &mut Fields, name: &str) -> Result<Self> {
        Ok(<Option<T> as Field>::take(fields, name)?.unwrap_or_default())
    }
    fn put(&self, name: &str, out: &mut XmlWriter) {
        self.write(name, out);
    }
}

impl<T: Value> Field for Option<T> {
    fn take(fields: &mut Fields, name: &str) -> Result<Self> {
        match fields.first(name) {
            Some(element) => fields.read(element),
            None => Ok(None),
        }
    }
    fn put(&self, name: &str, out: &mut XmlWriter) {
        if let Some(value) = self {
            value.write(name, out);
        }
    }
}

impl<T: Value> Field for Vec<T> {
    fn take(fields: &mut Fields, name: &str) -> Result<Self> {
        let elements: Vec<_> = fields.elements.extract_if(.., |element| element.name == name).collect();
        let mut values = Vec::with_capacity(elements.len());
        for element in elements {
            values.extend(fields.read(element)?);
        }
        Ok(values)
    }
    fn put(&self, name: &str, out: &mut XmlWriter) {
        self.iter().for_each(|value| value.write(name, out));
    }
}

impl Value for String {
    fn read(element: Element, _: &Scope, _: &mut Vec<Element>) -> Result<Option<Self>> {
        let text = element.text();
        Ok((!text.is_empty()).then_some(text))
    }
    fn write(&self, name: &str, out: &mut XmlWriter) {
        out.leaf(name, self);
    }
}

/// Reads text that is not empty; `None` from `parse` is an error.
fn scalar<T>(element: &Element, expected: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<Option<T>> {
    let text = element.text();
    match text.trim() {
        "" => Ok(None),
        trimmed => match parse(trimmed) {
            Some(value) => Ok(Some(value)),
            None => Err(HeaderError::Value {
                position: element.position,
                element: element.name.clone(),
                found: text,
                expected,
            }),
        },
    }
}

/// A whole number, also where it is written as `6e2` or `256.0`.
fn whole(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| {
        let number: f64 = text.parse().ok()?;
        // Beyond 2^53 not every whole number has a float.
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
    })
}

/// The shortest text that reads back as the same number, with the schema's names for what is not finite.
macro_rules! float_text {
    ($value:expr) => {
        match $value {
            value if value.is_nan() => "NaN".to_owned(),
            value if value.is_infinite() => (if value > 0.0 { "INF" } else { "-INF" }).to_owned(),
            value if value == 0.0 || (1e-5..1e15).contains(&value.abs()) => value.to_string(),
            value => format!("{value:e}"),
        }
    };
}

/// Values that are one text each: what is expected, how to read, how to write.
macro_rules! scalars {
    ($($type:ty: $expected:literal, $parse:expr, $show:expr;)*) => {$(
        impl Value for $type {
            fn read(element: Element, _: &Scope, _: &mut Vec<Element>) -> Result<Option<Self>> {
                scalar(&element, $expected, $parse)
            }
            fn write(&self, name: &str, out: &mut XmlWriter) {
                let show: fn(&$type) -> String = $show;
                out.leaf(name, &show(self));
            }
        }
    )*};
}
scalars! {
    i64: "a whole number", whole, |value| value.to_string();
    u16: "a whole number from 0 to 65535", |text| u16::try_from(whole(text)?).ok(), |value| value.to_string();
    f32: "a number", |text| text.parse().ok(), |value| float_text!(*value);
    f64: "a number", |text| text.parse().ok(), |value| float_text!(*value);
    Trajectory: "cartesian, epi, radial, goldenangle, spiral or other", Trajectory::from_name, |value| value.name().to_owned();
    CalibrationMode: "embedded, interleaved, separate, external or other", CalibrationMode::from_name, |value| value.name().to_owned();
}

/// Names of the variants, in both directions.
macro_rules! names {
    ($type:ident { $($variant:ident = $name:literal),* }) => {
        impl $type {
            /// The schema's name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The variant of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}
names!(Trajectory {
    Cartesian = "cartesian", Epi = "epi", Radial = "radial", GoldenAngle = "goldenangle", Spiral = "spiral", Other = "other"
});
names!(CalibrationMode {
    Embedded = "embedded", Interleaved = "interleaved", Separate = "separate", External = "external", Other = "other"
});

/// Arrays with one element per entry.
macro_rules! arrays {
    ($([$type:ty; $length:literal] = $names:expr, $default:expr;)*) => {$(
        impl Value for [$type; $length] {
            fn read(element: Element, scope: &Scope, kept: &mut Vec<Element>) -> Result<Option<Self>> {
                let (name, prefix) = (element.name.clone(), element.prefix.clone());
                let mut fields = Fields::new(element, scope);
                let mut values = [$default; $length];
                for (value, name) in values.iter_mut().zip($names) {
                    if let Some(found) = <Option<$type> as Field>::take(&mut fields, name)? {
                        *value = found;
                    }
                }
                fields.hand_up(name, prefix, kept);
                Ok(Some(values))
            }
            fn write(&self, name: &str, out: &mut XmlWriter) {
                out.open(name, &[]);
                for (value, name) in self.iter().zip($names) {
                    value.write(name, out);
                }
                out.close(name);
            }
        }
    )*};
}
arrays! {
    [u16; 3] = ["x", "y", "z"], 1;
    [f32; 3] = ["x", "y", "z"], 0.0;
    [u16; 2] = ["kspace_encoding_step_1", "kspace_encoding_step_2"], 1;
}

impl Value for Limit {
    fn read(element: Element, scope: &Scope, kept: &mut Vec<Element>) -> Result<Option<Self>> {
        let (name, prefix) = (element.name.clone(), element.prefix.clone());
        let mut fields = Fields::new(element, scope);
        let limit = Self {
            minimum: Field::take(&mut fields, "minimum")?,
            maximum: Field::take(&mut fields, "maximum")?,
            center: Field::take(&mut fields, "center")?,
        };
        fields.hand_up(name, prefix, kept);
        Ok(Some(limit))
    }
    fn write(&self, name: &str, out: &mut XmlWriter) {
        out.open(name, &[]);
        self.minimum.put("minimum", out);
        self.maximum.put("maximum", out);
        self.center.put("center", out);
        out.close(name);
    }
}

const USER_LIMITS: [&str; 8] = [
    "user_0", "user_1", "user_2", "user_3", "user_4", "user_5", "user_6", "user_7",
];

impl Field for [Option<Limit>; 8] {
    fn take(fields: &mut Fields, _: &str) -> Result<Self> {
        let mut limits = Self::default();
        for (limit, name) in limits.iter_mut().zip(USER_LIMITS) {
            *limit = Field::take(fields, name)?;
        }
        Ok(limits)
    }
    fn put(&self, _: &str, out: &mut XmlWriter) {
        for (limit, name) in self.iter().zip(USER_LIMITS) {
            limit.put(name, out);
        }
    }
}

impl Value for ReferencedImageSequence {
    fn read(element: Element, scope: &Scope, kept: &mut Vec<Element>) -> Result<Option<Self>> {
        let (name, prefix) = (element.name.clone(), element.prefix.clone());
        let mut fields = Fields::new(element, scope);
        let uids = Field::take(&mut fields, "referencedSOPInstanceUID")?;
        fields.hand_up(name, prefix, kept);
        Ok(Some(Self(uids)))
    }
    fn write(&self, name: &str, out: &mut XmlWriter) {
        if !self.0.is_empty() {
            out.open(name, &[]);
            self.0.put("referencedSOPInstanceUID", out);
            out.close(name);
        }
    }
}
