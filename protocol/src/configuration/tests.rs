use proptest::prelude::*;

use super::*;
use crate::xml::Child;

const LEGACY: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<gadgetronStreamConfiguration xsi:schemaLocation="http://gadgetron.sf.net/gadgetron gadgetron.xsd"
    xmlns="http://gadgetron.sf.net/gadgetron" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <reader><slot>1008</slot><dll>gadgetron_mricore</dll><classname>GadgetIsmrmrdAcquisitionMessageReader</classname></reader>
  <writer><slot>1022</slot><dll>gadgetron_mricore</dll><classname>MRIImageWriter</classname></writer>
  <gadget>
    <name>Buff</name><dll>gadgetron_mricore</dll><classname>BucketToBufferGadget</classname>
    <property><name>N_dimension</name><value></value></property>
    <property><name>split_slices</name><value>true</value></property>
  </gadget>
  <gadget>
    <name>Recon</name><dll>gadgetron_python</dll><classname>PythonGadget</classname>
    <property><name>python_module</name><value>recon</value></property>
    <property><name>python_class</name><value>Recon</value></property>
    <property><name>split</name><value>split_slices@Buff</value></property>
  </gadget>
</gadgetronStreamConfiguration>"#;

const VERSION_2: &str = r#"<configuration>
  <version>2</version>
  <readers><reader><classname>AcquisitionReader</classname></reader></readers>
  <stream>
    <parallel>
      <branch><classname>Fanout</classname></branch>
      <stream key="a"/>
      <stream key="b"><parallelprocess workers="6"><purestream>
        <gadget><classname>Denoise</classname><property name="std" value="std@Noise"/></gadget>
      </purestream></parallelprocess></stream>
      <merge><classname>Layer</classname></merge>
    </parallel>
    <external>
      <execute name="module" type="python" target="main"/>
      <configuration a="1"><deep>x &lt; y</deep></configuration>
    </external>
    <external><connect port="9100"/></external>
    <gadget><name>Noise</name><classname>NoiseGadget</classname>
      <property name="std" value="first@Noise"/><property><name>first</name><value>10</value></property></gadget>
    <distributed>
      <distributor><classname>AcquisitionDistributor</classname></distributor>
      <stream><puredistributed><purestream/></puredistributed></stream>
    </distributed>
  </stream>
</configuration>"#;

fn errors(text: &str) -> Vec<String> {
    let errors = Configuration::parse(text).expect_err(text);
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn the_legacy_dialect_is_flat() {
    let configuration = Configuration::parse(LEGACY).unwrap();
    assert_eq!(configuration.dialect, Dialect::Legacy);
    assert_eq!(configuration.readers[0].slot, Some(1008));
    assert_eq!(configuration.writers[0].class, "MRIImageWriter");
    assert_eq!(configuration.stream.key, "main");
    let Node::Gadget(gadget) = &configuration.stream.nodes[0] else {
        panic!("a gadget")
    };
    assert_eq!(
        (gadget.name.as_str(), gadget.class.as_str()),
        ("Buff", "BucketToBufferGadget")
    );
    assert_eq!(gadget.position, Position { line: 6, column: 3 });
    assert_eq!(
        (gadget.properties[0].value.as_str(), gadget.properties[1].value.as_str()),
        ("", "true")
    );
}

#[test]
fn legacy_python_gadgets_become_external_programs() {
    let configuration = Configuration::parse(LEGACY).unwrap();
    let Node::External(external) = &configuration.stream.nodes[1] else {
        panic!("external")
    };
    let action = ExternalAction::Execute {
        name: "recon".into(),
        kind: "python".into(),
        target: Some("Recon".into()),
    };
    assert_eq!(external.action, action);
    assert_eq!(
        external.configuration.as_ref().unwrap().to_xml(),
        "<?xml version=\"1.0\"?>\n<configuration>\n\t<property name=\"python_module\" value=\"recon\" />\n\
         \t<property name=\"python_class\" value=\"Recon\" />\n\t<property name=\"split\" value=\"true\" />\n</configuration>\n"
    );
}

#[test]
fn version_2_nests_and_references_are_resolved() {
    let configuration = Configuration::parse(VERSION_2).unwrap();
    let [
        Node::Parallel(parallel),
        Node::External(execute),
        Node::External(connect),
        _,
        Node::Distributed(distributed),
    ] = configuration.stream.nodes.as_slice()
    else {
        panic!("{configuration:?}")
    };
    assert_eq!(parallel.streams[0].key, "a");
    let Node::ParallelProcess(process) = &parallel.streams[1].nodes[0] else {
        panic!("a process")
    };
    assert_eq!(process.workers, 6);
    let Node::Gadget(denoise) = &process.stream.nodes[0] else {
        panic!("a gadget")
    };
    assert_eq!(
        (denoise.name.as_str(), denoise.properties[0].value.as_str()),
        ("Denoise", "10")
    );
    let inner = execute.configuration.as_ref().unwrap();
    assert_eq!(
        inner.to_xml(),
        "<?xml version=\"1.0\"?>\n<configuration a=\"1\">\n\t<deep>x &lt; y</deep>\n</configuration>\n"
    );
    assert_eq!(
        connect.action,
        ExternalAction::Connect {
            address: "localhost".into(),
            port: 9100
        }
    );
    assert!(matches!(distributed.stream.nodes[0], Node::PureDistributed(_)));
}

#[test]
fn all_errors_come_back_with_their_places() {
    let text = "<configuration>
<version>3</version><reader/>
<stream><frobnicate/><gadget colour='red'><name>A</name></gadget>
<gadget><name>B</name><classname>C</classname><property name='p' value='q@A'/><property name='r' value='q@D'/>
 <property name='s' value='s@B'/><property name='t'/></gadget>
<parallelprocess workers='many'><purestream/></parallelprocess>stray
<external><connect port='99999'/></external><external/>
</stream><stream/></configuration>";
    assert_eq!(
        errors(text),
        [
            "line 2, column 1: the version is 3; this program knows <version>2</version>",
            "line 2, column 21: unknown element <reader> in <configuration>; expected version, readers, writers or stream",
            "line 3, column 9: unknown element <frobnicate> in <stream>; expected gadget, parallel, external, distributed, puredistributed or parallelprocess",
            "line 3, column 22: unknown attribute \"colour\" of <gadget>; expected none",
            "line 3, column 22: <gadget> has no <classname>",
            "line 4, column 47: property \"p\" refers to \"q@A\", but gadget \"A\" has no properties here",
            "line 4, column 79: property \"r\" refers to \"q@D\", but there is no gadget \"D\"; there are A, B",
            "line 5, column 2: property \"s\" refers to \"s@B\", but following it leads back to \"s@B\"",
            "line 5, column 34: a property needs name and value, as attributes or as elements; this one has no such pair",
            "line 6, column 1: workers is \"many\"; expected a number of workers, 0 for one per core",
            "line 7, column 11: port is \"99999\"; expected a port from 0 to 65535",
            "line 7, column 45: <external> has no <execute> or <connect>",
            "line 8, column 10: a second <stream> in <configuration>; there can be one",
        ]
    );
    assert_eq!(
        errors("<x/>"),
        [
            "line 1, column 1: the root element is <x>; a configuration begins with <configuration> and <version>2</version>, or with <gadgetronStreamConfiguration>"
        ]
    );
    assert_eq!(
        errors("<configuration>"),
        ["line 1, column 16: <configuration> is not closed; the text is cut off or a closing tag is missing"]
    );
}

#[test]
fn nesting_is_bounded() {
    let text = format!(
        "<configuration><version>2</version><stream>{}",
        "<parallel><stream>".repeat(100_000)
    );
    assert_eq!(errors(&text).len(), 1);
    assert!(errors(&text)[0].contains("nested deeper than the limit of 100"));
}

#[test]
fn a_nested_stream_becomes_a_workers_configuration() {
    let text = "<?xml version=\"1.0\"?>\n<configuration>\n\t<version>2</version>\n\t<readers>\n\t\t<reader>\n\t\t\t<dll>gadgetron_mricore</dll>\n\
                \t\t\t<classname>MRIImageReader</classname>\n\t\t</reader>\n\t</readers>\n\t<writers />\n\t<stream key=\"PureStream\">\n\t\t<gadget>\n\
                \t\t\t<dll>gadgetron_mricore</dll>\n\t\t\t<classname>ComplexToFloatGadget</classname>\n\t\t\t<name>Convert</name>\n\
                \t\t\t<property name=\"p\" value=\"&quot;v&quot;\" />\n\t\t</gadget>\n\t</stream>\n</configuration>\n";
    let configuration = Configuration::parse(text).unwrap();
    let Configuration {
        readers,
        writers,
        stream,
        ..
    } = &configuration;
    assert_eq!(Configuration::for_worker(readers, writers, stream).to_xml(), text);
}

fn position() -> impl Strategy<Value = Position> {
    (0..9_u32, 0..9_u32).prop_map(|(line, column)| Position { line, column })
}

/// Names as reading gives them: trimmed.
fn word() -> impl Strategy<Value = String> {
    "([!-?A-~äß][ -?A-~äß]{0,5}[!-?A-~äß]|[a-z])"
}

fn endpoints() -> impl Strategy<Value = Vec<Endpoint>> {
    let endpoint =
        (any::<Option<u16>>(), "[a-z]{0,3}", word(), position()).prop_map(|(slot, dll, class, position)| Endpoint {
            slot,
            dll,
            class,
            position,
        });
    prop::collection::vec(endpoint, 0..3)
}

fn component() -> impl Strategy<Value = Component> {
    let value = "[^@\0]{0,6}";
    let property = (word(), value, position()).prop_map(|(name, value, position)| Property { name, value, position });
    (
        word(),
        "[a-z]{0,3}",
        word(),
        prop::collection::vec(property, 0..3),
        position(),
    )
        .prop_map(|(name, dll, class, properties, position)| Component {
            name,
            dll,
            class,
            properties,
            position,
        })
}

fn external() -> impl Strategy<Value = External> {
    let action = prop_oneof![
        (word(), word(), prop::option::of(word())).prop_map(|(name, kind, target)| ExternalAction::Execute {
            name,
            kind,
            target
        }),
        (word(), any::<u16>()).prop_map(|(address, port)| ExternalAction::Connect { address, port }),
    ];
    let configuration = crate::xml::tests::any_element().prop_map(|inner| {
        let mut element = Element::new("configuration");
        element.children.push(Child::Element(inner));
        element
    });
    (
        action,
        prop::option::of(configuration),
        endpoints(),
        endpoints(),
        position(),
    )
        .prop_map(|(action, configuration, readers, writers, position)| External {
            action,
            configuration,
            readers,
            writers,
            position,
        })
}

fn stream() -> impl Strategy<Value = Stream> {
    let leaf = prop_oneof![component().prop_map(Node::Gadget), external().prop_map(Node::External)];
    let node = leaf.prop_recursive(4, 24, 3, |inner| {
        let stream = move || lane(inner.clone());
        prop_oneof![
            (
                component(),
                prop::collection::vec(stream(), 0..3),
                component(),
                position()
            )
                .prop_map(|(branch, streams, merge, position)| Node::Parallel(Parallel {
                    branch,
                    streams,
                    merge,
                    position
                })),
            (endpoints(), endpoints(), component(), stream(), position()).prop_map(
                |(readers, writers, distributor, stream, position)| Node::Distributed(Distributed {
                    readers,
                    writers,
                    distributor,
                    stream,
                    position
                })
            ),
            (endpoints(), endpoints(), stream(), position()).prop_map(|(readers, writers, stream, position)| {
                Node::PureDistributed(PureDistributed {
                    readers,
                    writers,
                    stream,
                    position,
                })
            }),
            (any::<usize>(), stream(), position()).prop_map(|(workers, stream, position)| Node::ParallelProcess(
                ParallelProcess {
                    workers,
                    stream,
                    position
                }
            )),
        ]
    });
    lane(node)
}

fn lane(node: impl Strategy<Value = Node>) -> impl Strategy<Value = Stream> {
    ("[^\0]{0,4}", prop::collection::vec(node, 0..3), position()).prop_map(|(key, nodes, position)| Stream {
        key,
        nodes,
        position,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn what_is_written_is_read_back(readers in endpoints(), writers in endpoints(), stream in stream()) {
        let configuration = Configuration::for_worker(&readers, &writers, &stream);
        let text = configuration.to_xml();
        let read = Configuration::parse(&text).map_err(|errors| TestCaseError::fail(format!("{errors:?} in {text}")))?;
        prop_assert_eq!(read.without_positions(), configuration.without_positions(), "{}", text);
        prop_assert_eq!(read.to_xml(), text);
    }
}
