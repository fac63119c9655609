//! `NAME=VALUE`.

use std::{collections::BTreeMap, str::FromStr};

/// A parameter for gadgets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parameter {
    name: String,
    value: String,
}

impl FromStr for Parameter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| format!("expected NAME=VALUE, found \"{text}\""))?;
        if name.is_empty() {
            return Err(format!("a name is missing in \"{text}\""));
        }
        Ok(Self {
            name: name.into(),
            value: value.into(),
        })
    }
}

/// As gadgets look them up; of two with one name the last counts.
pub(crate) fn table(parameters: Vec<Parameter>) -> BTreeMap<String, String> {
    parameters
        .into_iter()
        .map(|parameter| (parameter.name, parameter.value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_equals_sign_divides() {
        let parsed: Parameter = "file=a=b".parse().unwrap();
        assert_eq!(
            parsed,
            Parameter {
                name: "file".into(),
                value: "a=b".into()
            }
        );
        assert!("=x".parse::<Parameter>().is_err());
        assert!("nothing".parse::<Parameter>().is_err());
    }
}
