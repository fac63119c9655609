//! `property@gadget`: a value that is taken from another gadget of the configuration.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Component, ConfigurationError, ConfigurationProblem, Position, Stream,
    places::{components, components_mut},
};

/// All values a reference can name: gadget, then property. Where names come twice, the last in the text counts, as in
/// the original.
type Values = BTreeMap<String, BTreeMap<String, String>>;

/// Replaces every value that contains `@` by the value it refers to.
pub(super) fn resolve(stream: &mut Stream, errors: &mut Vec<ConfigurationError>) {
    let values = gather(stream);
    components_mut(stream, &mut |component| {
        for property in &mut component.properties {
            if !is_reference(&property.value) {
                continue;
            }
            match look_up(&values, &property.value) {
                Ok(value) => property.value = value,
                Err(problem) => errors.push(ConfigurationError {
                    position: property.position,
                    problem: ConfigurationProblem::Reference {
                        property: property.name.clone(),
                        reference: property.value.clone(),
                        problem,
                    },
                }),
            }
        }
    });
}

fn is_reference(value: &str) -> bool {
    value.contains('@')
}

fn gather(stream: &Stream) -> Values {
    let mut in_order: Vec<(Position, &Component)> = Vec::new();
    components(stream, &mut |component| in_order.push((component.position, component)));
    in_order.sort_by_key(|(position, _)| *position);
    let mut values = Values::new();
    for (_, component) in in_order {
        let gadget = values.entry(component.name.clone()).or_default();
        for property in &component.properties {
            gadget.insert(property.name.clone(), property.value.clone());
        }
    }
    values
}

/// Follows a reference to its end; the error completes "refers to ..., but".
fn look_up(values: &Values, reference: &str) -> Result<String, String> {
    let mut seen = BTreeSet::new();
    let mut current = reference;
    while let Some((property, gadget)) = current.split_once('@') {
        if !seen.insert(current) {
            return Err(format!("following it leads back to \"{current}\""));
        }
        let Some(properties) = values.get(gadget) else {
            let known: Vec<_> = values.keys().map(String::as_str).collect();
            return Err(format!(
                "there is no gadget \"{gadget}\"; there are {}",
                known.join(", ")
            ));
        };
        let Some(value) = properties.get(property) else {
            let known: Vec<_> = properties.keys().map(String::as_str).collect();
            return Err(match known.is_empty() {
                true => format!("gadget \"{gadget}\" has no properties here"),
                false => format!(
                    "gadget \"{gadget}\" has no property \"{property}\" here; it has {}",
                    known.join(", ")
                ),
            });
        };
        current = value;
    }
    Ok(current.to_owned())
}
