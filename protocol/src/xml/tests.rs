use proptest::prelude::*;

use super::*;

fn problem(text: &str) -> (String, XmlProblem) {
    let error = parse(text).expect_err(text);
    (
        format!("{}:{}", error.position.line, error.position.column),
        error.problem,
    )
}

#[test]
fn elements_know_their_line_and_column() {
    let root = parse("<?xml version='1.0'?>\n<!-- ü -->\n<a>\n  <b/>ä<c x='1'>\n</c></a>").unwrap();
    assert_eq!(root.position, Position { line: 3, column: 1 });
    assert_eq!(root.child("b").unwrap().position, Position { line: 4, column: 3 });
    assert_eq!(root.child("c").unwrap().position, Position { line: 4, column: 8 });
}

#[test]
fn text_is_resolved_and_layout_dropped() {
    let root = parse("\u{feff}<a>\n <b>1 &lt; 2 &#x41;<![CDATA[<&>]]>\r\n</b>\n <c> </c><d/></a>\0").unwrap();
    assert_eq!(root.children.len(), 3);
    assert_eq!(root.child("b").unwrap().text(), "1 < 2 A<&>\n");
    assert_eq!(root.child("c").unwrap().text(), " ");
    assert_eq!(root.child("d").unwrap().children, []);
}

#[test]
fn malformed_texts_are_refused_with_their_place() {
    let cases = [
        ("", "1:1", XmlProblem::NoRoot),
        ("<a/> x", "1:5", XmlProblem::TextOutside),
        ("<a/>\n<b/>", "2:1", XmlProblem::SecondRoot("b".into())),
        ("<a>\n<b>", "2:4", XmlProblem::Unclosed("b".into())),
        (
            "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
            "1:1",
            XmlProblem::DocumentType,
        ),
        ("<a>\n b\0</a>\0", "2:3", XmlProblem::Zero),
        ("<a>&b;</a>", "1:4", XmlProblem::UnknownEntity("b".into())),
    ];
    for (text, place, expected) in cases {
        assert_eq!(problem(text), (place.to_owned(), expected), "{text}");
    }
    for text in [
        "<a></b>",
        "<a x='1' x='2'/>",
        "<a",
        "<a>&</a>",
        "<a x='&y;'/>",
        "<a>&#0;</a>",
        "<a x=1/>",
        "<<a/>",
        "<a><<b/></a>",
        "<a <b='1'/>",
    ] {
        assert!(
            matches!(problem(text).1, XmlProblem::Malformed(_)),
            "{text}: {:?}",
            problem(text)
        );
    }
}

#[test]
fn limits_are_errors() {
    let deep = "<a>".repeat(200_000);
    assert_eq!(problem(&deep), ("1:301".into(), XmlProblem::TooDeep(100)));
    let limits = Limits {
        bytes: 100,
        elements: 3,
        attributes: 1,
        depth: usize::MAX,
    };
    let error = |text: &str| parse_with(text, &limits).expect_err(text).problem;
    let long = " ".repeat(101);
    assert_eq!(error(&long), XmlProblem::TooLarge { bytes: 101, limit: 100 });
    assert_eq!(error("<a><b/><b/><b/></a>"), XmlProblem::TooManyElements(3));
    let name = "a".to_owned();
    assert_eq!(
        error("<a b='' c=''/>"),
        XmlProblem::TooManyAttributes { name, limit: 1 }
    );
    let unbounded = Limits {
        depth: usize::MAX,
        ..Limits::default()
    };
    let error = parse_with(&deep, &unbounded).expect_err("too deep").problem;
    assert_eq!(error, XmlProblem::TooDeep(Limits::DEEPEST));
}

#[test]
fn bytes_that_are_not_utf8_are_refused_with_their_place() {
    assert_eq!(decode("<ä/>".as_bytes()), Ok("<ä/>"));
    let error = decode(b"<?xml version='1.0' encoding='ISO-8859-1'?>\n<a>\xe4</a>").unwrap_err();
    assert_eq!(error.position, Position { line: 2, column: 4 });
    assert_eq!(error.problem, XmlProblem::NotUtf8(Some("ISO-8859-1".into())));
    let error = decode(b"\xff\xfe<\0").unwrap_err();
    assert_eq!(error.problem, XmlProblem::NotUtf8(Some("UTF-16".into())));
}

#[test]
fn the_layout_is_pugixmls() {
    let root = parse("<a b=\"'&quot;&#10;\"><c/><d>x &amp; ü</d><e><f/>t</e></a>").unwrap();
    assert_eq!(
        root.to_xml(),
        "<?xml version=\"1.0\"?>\n<a b=\"'&quot;&#10;\">\n\t<c />\n\t<d>x &amp; ü</d>\n\t<e><f />t</e>\n</a>\n"
    );
}

#[test]
fn detached_elements_declare_the_prefixes_they_use() {
    let root = parse("<a xmlns:p='P' xmlns:q='Q' xmlns:r='R'><p:b q:x='1' xmlns:s='S'><s:c/></p:b></a>").unwrap();
    let scope = Scope::default().inside(&root);
    let mut child = root.child("b").unwrap().clone();
    scope.detach(&mut child);
    let names: Vec<_> = child.attributes.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["q:x", "xmlns:s", "xmlns:q", "xmlns:p"]);
    let again = parse(&child.to_xml()).unwrap();
    assert_eq!(again, child);
}

/// Trees as parsing gives them: no two texts beside each other, no layout between elements.
pub(crate) fn any_element() -> impl Strategy<Value = Element> {
    let name = "[a-zA-Z_][a-zA-Z0-9_.-]{0,5}";
    let attributes = prop::collection::btree_map("[a-z]{1,4}", "[^\0]{0,6}", 0..3);
    let leaf = (name, attributes, prop::option::of("[^\0]{1,8}")).prop_map(|(name, attributes, text)| Element {
        name,
        attributes: attributes.into_iter().collect(),
        children: text.into_iter().map(Child::Text).collect(),
        ..Element::default()
    });
    leaf.prop_recursive(4, 30, 4, move |inner| {
        (
            name,
            prop::collection::vec(inner, 1..4),
            prop::option::of("[^\0 \t\r\n]{1,8}"),
        )
            .prop_map(|(name, elements, text)| {
                let mut children: Vec<_> = elements.into_iter().map(Child::Element).collect();
                children.extend(text.map(Child::Text));
                Element {
                    name,
                    children,
                    ..Element::default()
                }
            })
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(element in any_element()) {
        let text = element.to_xml();
        prop_assert_eq!(parse(&text).unwrap(), element, "{}", text);
    }

    #[test]
    fn no_text_panics(text in "(<|>|/|a|b|&|;|=|'| |#|x|!|\\[|\\]|-|\\?|\\PC){0,40}") {
        let _ = parse(&text);
    }
}
