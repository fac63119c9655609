//! Typed properties: declared once with name, type, default and meaning; read from a configuration.

use std::ops::RangeInclusive;

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

/// Whether `value` lies in the range that is declared for its property; the error says what was expected.
pub fn within<T: PropertyValue + PartialOrd>(value: &T, range: &RangeInclusive<T>) -> Result<(), String> {
    // What is no number lies in no range.
    match range.contains(value) {
        true => Ok(()),
        false => Err(format!(
            "expected a number from {} to {}, found {}",
            range.start().show(),
            range.end().show(),
            value.show()
        )),
    }
}

/// Declares the properties of a class. What is outside of the range after `in`, where there is one, is an error.
///
/// ```
/// gadgets::properties! {
///     /// Properties of a gadget that scales.
///     pub struct ScaleProperties {
///         /// Largest value after scaling.
///         "max_value" => pub max_value: f32 = 2048.0,
///         /// How often to scale.
///         "repeat" => pub repeat: usize = 1, in 0..=100,
///     }
/// }
/// let component = protocol::configuration::Component::new("ScaleGadget", &[("max_value", "100")]);
/// let properties: ScaleProperties = gadgets::properties::parse(&component).unwrap();
/// assert_eq!(properties.max_value, 100.0);
/// let component = protocol::configuration::Component::new("ScaleGadget", &[("repeat", "101")]);
/// let errors = gadgets::properties::parse::<ScaleProperties>(&component).unwrap_err();
/// assert_eq!(errors[0].problem, "expected a number from 0 to 100, found 101");
/// ```
#[macro_export]
macro_rules! properties {
    ($(#[$meta:meta])* pub struct $name:ident {
        $($(#[doc = $doc:literal])* $text:literal => pub $field:ident: $type:ty = $default:expr $(, in $range:expr)?,)*
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
                    $($text => {
                        self.$field = $crate::properties::PropertyValue::read(value)?;
                        $($crate::properties::within(&self.$field, &$range)?;)?
                    })*
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_outside_of_its_range_is_an_error_with_the_range() {
        assert_eq!(within(&0_usize, &(0..=10)), Ok(()));
        assert_eq!(within(&10_usize, &(0..=10)), Ok(()));
        let words = |value: f64| within(&value, &(0.0..=1e6)).unwrap_err();
        assert_eq!(words(-1e-3), "expected a number from 0 to 1000000, found -0.001");
        assert_eq!(words(f64::INFINITY), "expected a number from 0 to 1000000, found inf");
        assert_eq!(words(f64::NAN), "expected a number from 0 to 1000000, found NaN");
    }
}
