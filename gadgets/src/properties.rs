//! Typed properties: declared once with name, type, default and meaning; read from a configuration.

use protocol::configuration::{Component, Position, Property};

/// What is wrong with a property.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{position}: {gadget} ({class}): property \"{property}\": {problem}")]
pub struct PropertyError {
    /// Name of the gadget.
    pub gadget: String,
    /// Its class.
    pub class: String,
    /// Name of the property.
    pub property: String,
    /// What is wrong, and what would be right.
    pub problem: String,
    /// Where the property stands.
    pub position: Position,
}

/// A property, for lists and help texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyDescription {
    /// Name.
    pub name: &'static str,
    /// Default, as text.
    pub default: String,
    /// Meaning.
    pub meaning: &'static str,
}

/// The properties of one class. Declare them with [`properties!`](crate::properties!).
pub trait Properties: Sized + Default + Send + 'static {
    /// Takes `property`; `Ok(false)` when the class has none of this name.
    fn set(&mut self, name: &str, value: &str) -> Result<bool, String>;
    /// All properties of the class.
    fn descriptions() -> Vec<PropertyDescription>;
}

/// Properties that every class of the original accepts and that mean nothing here.
const ACCEPTED_EVERYWHERE: [&str; 8] = [
    "using_cloudbus",
    "pass_on_undesired_data",
    "threads",
    "workingDirectory",
    "verbose",
    "perform_timing",
    "debug_folder",
    "time_tick",
];

/// Reads all properties of `component`; gathers all that is wrong.
pub fn parse<P: Properties>(component: &Component) -> Result<P, Vec<PropertyError>> {
    let mut properties = P::default();
    let mut errors = Vec::new();
    for Property { name, value, position } in &component.properties {
        let problem = match properties.set(name, value) {
            Ok(true) => continue,
            Ok(false) if ACCEPTED_EVERYWHERE.contains(&name.as_str()) => continue,
            Ok(false) => {
                let known: Vec<_> = P::descriptions()
                    .into_iter()
                    .map(|description| description.name)
                    .collect();
                match known.is_empty() {
                    true => "unknown; this class has no properties".to_owned(),
                    false => format!("unknown; this class has {}", known.join(", ")),
                }
            }
            Err(problem) => problem,
        };
        errors.push(PropertyError {
            gadget: component.name.clone(),
            class: component.class.clone(),
            property: name.clone(),
            problem,
            position: *position,
        });
    }
    if errors.is_empty() { Ok(properties) } else { Err(errors) }
}

/// A type that a property can have.
pub trait PropertyValue: Sized {
    /// Reads it from text; the error says what was expected.
    fn read(text: &str) -> Result<Self, String>;
    /// Its text.
    fn show(&self) -> String;
}

macro_rules! numbers {
    ($($number:ty: $expected:literal),*) => {$(
        impl PropertyValue for $number {
            fn read(text: &str) -> Result<Self, String> {
                text.trim().parse().map_err(|_| format!("expected {}, found \"{text}\"", $expected))
            }
            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
numbers!(i16: "a whole number from -32768 to 32767", i32: "a whole number", i64: "a whole number");
numbers!(u16: "a whole number from 0 to 65535", u32: "a whole number from 0", usize: "a whole number from 0");
numbers!(f32: "a number", f64: "a number");

impl PropertyValue for bool {
    fn read(text: &str) -> Result<Self, String> {
        match text.trim() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(format!("expected true or false, found \"{text}\"")),
        }
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl PropertyValue for String {
    fn read(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
    fn show(&self) -> String {
        self.clone()
    }
}

/// Declares the properties of a class.
///
/// ```
/// gadgets::properties! {
///     /// Properties of a gadget that scales.
///     pub struct ScaleProperties {
///         /// Largest value after scaling.
///         "max_value" => pub max_value: f32 = 2048.0,
///     }
/// }
/// let component = protocol::configuration::Component::new("ScaleGadget", &[("max_value", "100")]);
/// let properties: ScaleProperties = gadgets::properties::parse(&component).unwrap();
/// assert_eq!(properties.max_value, 100.0);
/// ```
#[macro_export]
macro_rules! properties {
    ($(#[$meta:meta])* pub struct $name:ident {
        $($(#[doc = $doc:literal])* $text:literal => pub $field:ident: $type:ty = $default:expr,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $name { $($(#[doc = $doc])* pub $field: $type,)* }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $crate::properties::Properties for $name {
            #[allow(unused_variables, reason = "a class without properties uses no value")]
            fn set(&mut self, name: &str, value: &str) -> Result<bool, String> {
                match name {
                    $($text => self.$field = $crate::properties::PropertyValue::read(value)?,)*
                    _ => return Ok(false),
                }
                #[allow(unreachable_code, reason = "a class without properties never gets here")]
                Ok(true)
            }
            fn descriptions() -> Vec<$crate::properties::PropertyDescription> {
                #[allow(unused_variables, reason = "a class without properties shows no default")]
                let defaults = Self::default();
                vec![$($crate::properties::PropertyDescription {
                    name: $text,
                    default: $crate::properties::PropertyValue::show(&defaults.$field),
                    meaning: concat!($($doc),*).trim_ascii(),
                },)*]
            }
        }
    };
}

crate::properties! {
    /// The properties of a class that has none.
    pub struct NoProperties {}
}
