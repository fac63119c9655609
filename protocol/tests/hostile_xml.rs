//! Documents that would be large, deep or elsewhere: in meta attributes, headers and configurations each is an error.

use protocol::{Configuration, IsmrmrdHeader, Meta};

type Parser = (&'static str, fn(&str) -> Result<(), String>);

const PARSERS: [Parser; 3] = [
    ("ismrmrdMeta", |text| {
        Meta::parse(text).map(drop).map_err(|error| error.to_string())
    }),
    ("ismrmrdHeader", |text| {
        IsmrmrdHeader::parse(text).map(drop).map_err(|error| error.to_string())
    }),
    ("configuration", |text| {
        let errors = Configuration::parse(text).map(drop);
        errors.map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }),
];

/// What each parser says of the document made for its root element.
fn errors(document: impl Fn(&str) -> String) -> Vec<String> {
    PARSERS
        .iter()
        .map(|(root, parse)| parse(&document(root)).expect_err(root))
        .collect()
}

#[test]
fn an_entity_bomb_is_refused_before_anything_expands() {
    let mut entities = "<!ENTITY a0 'ha'>".to_owned();
    for level in 1..30 {
        let before = format!("&a{};", level - 1).repeat(10);
        entities += &format!("<!ENTITY a{level} '{before}'>");
    }
    for error in errors(|root| format!("<!DOCTYPE {root} [{entities}]><{root}>&a29;</{root}>")) {
        assert!(error.contains("document type"), "{error}");
    }
    for error in errors(|root| format!("<{root}><meta><name>&a29;</name></meta></{root}>")) {
        assert!(error.contains("entity &a29;"), "{error}");
    }
}

#[test]
fn external_entities_are_not_looked_up() {
    for system in ["file:///etc/hostname", "http://127.0.0.1:9/x", "/dev/zero"] {
        let document =
            |root: &str| format!("<!DOCTYPE {root} [<!ENTITY x SYSTEM '{system}'>]><{root}><name>&x;</name></{root}>");
        for error in errors(document) {
            assert!(error.contains("document type"), "{error}");
        }
        for error in errors(|root| format!("<!DOCTYPE {root} SYSTEM '{system}'><{root}/>")) {
            assert!(error.contains("document type"), "{error}");
        }
    }
}

#[test]
fn two_hundred_thousand_nested_elements_are_an_error() {
    let (open, close) = ("<a>".repeat(200_000), "</a>".repeat(200_000));
    for error in errors(|root| format!("<{root}>{open}{close}</{root}>")) {
        assert!(error.contains("deep"), "{error}");
    }
}
