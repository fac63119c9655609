//! Clients that make mistakes or vanish: told in words, nothing incomplete passed off as complete, the server goes on.

use std::sync::Arc;

use gadgetron::server::Services;

use crate::peer::{ANSWER_DEFAULT, Answer, CLIENT_DEFAULT, boundaries, exchange};

/// The bytes of message 1: a configuration by name.
fn configuration_name(name: &str) -> Vec<u8> {
    let mut bytes = vec![1, 0];
    bytes.extend_from_slice(name.as_bytes());
    bytes.resize(2 + 1024, 0);
    bytes
}

/// The bytes of a message with a 32-bit length: 2 configuration, 3 header.
fn text(id: u16, text: &str) -> Vec<u8> {
    let mut bytes = id.to_le_bytes().to_vec();
    bytes.extend_from_slice(&u32::try_from(text.len()).unwrap().to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

const CLOSE: [u8; 2] = [4, 0];

/// The recorded client's messages.
fn recorded_messages() -> Vec<&'static [u8]> {
    boundaries(CLIENT_DEFAULT)
        .windows(2)
        .map(|pair| &CLIENT_DEFAULT[pair[0]..pair[1]])
        .collect()
}

/// Sends `messages`, expects a complaint that contains `words`, a CLOSE, and a server that still works.
async fn expect_complaint(messages: &[&[u8]], words: &str) -> Answer {
    let services = Arc::<Services>::default();
    let answer = exchange(&services, messages.iter().copied()).await;
    assert!(
        answer.complaint().contains(words),
        "\"{words}\" is not in \"{}\"",
        answer.complaint()
    );
    assert!(answer.complaint().contains("ERROR: "), "{}", answer.complaint());
    assert!(answer.closed, "the server says CLOSE");
    let next = exchange(&services, [CLIENT_DEFAULT]).await;
    assert_eq!(next.complaint(), "");
    assert_eq!(next.images().len(), 2, "the server goes on");
    answer
}

#[tokio::test]
async fn unknown_configuration_names_are_named() {
    expect_complaint(&[&configuration_name("no_such_thing.xml"), &CLOSE], "no_such_thing.xml").await;
}

#[tokio::test]
async fn a_configuration_name_stays_in_the_folder() {
    for name in [
        "../config/default.xml",
        "../../../../../../etc/passwd",
        "/etc/passwd",
        "a/../../b.xml",
        "PATH",
        "HOME",
    ] {
        let answer = expect_complaint(&[&configuration_name(name), &CLOSE], name).await;
        assert!(!answer.complaint().contains("root:"));
    }
}

#[tokio::test]
async fn malformed_xml_is_told_with_its_place() {
    expect_complaint(&[&text(2, "<configuration>\n  <version>2</version"), &CLOSE], "line 2").await;
}

#[tokio::test]
async fn unknown_classes_and_properties_are_all_told_with_their_places() {
    let configuration = "<configuration><version>2</version><readers/><writers/><stream>\n\
        <gadget><name>A</name><dll>x</dll><classname>ExtractGadgett</classname></gadget>\n\
        <gadget><name>B</name><dll>x</dll><classname>ExtractGadget</classname>\
        <property name=\"no_such\" value=\"1\"/></gadget></stream></configuration>";
    let answer = expect_complaint(&[&text(2, configuration), &CLOSE], "ExtractGadgett").await;
    let complaint = answer.complaint();
    assert!(
        complaint.contains("line 2") && complaint.contains("did you mean \"ExtractGadget\""),
        "{complaint}"
    );
    assert!(
        complaint.contains("line 3") && complaint.contains("no_such"),
        "{complaint}"
    );
}

/// A node that spreads work and has one writer, which is for images.
fn spread(kind: &str, inside: &str) -> String {
    format!(
        "<configuration><version>2</version>
            <readers><reader><classname>AcquisitionReader</classname></reader></readers>
            <writers><writer><classname>AcquisitionWriter</classname></writer></writers>
        <stream><{kind}>
            <readers><reader><classname>ImageReader</classname></reader></readers>
            <writers><writer><classname>ImageWriter</classname></writer></writers>
            {inside}
        </{kind}></stream></configuration>"
    )
}

#[tokio::test]
async fn a_message_that_is_to_travel_and_has_no_writer_is_told_with_what_to_do() {
    let messages = recorded_messages();
    let by_repetition = "<distributor><classname>AcquisitionDistributor</classname>
        <property name=\"parallel_dimension\" value=\"repetition\"/></distributor><stream/>";
    for (kind, inside) in [("puredistributed", "<purestream/>"), ("distributed", by_repetition)] {
        let configuration = text(2, &spread(kind, inside));
        let answer = expect_complaint(
            &[&configuration, messages[1], messages[2], &CLOSE],
            "Add a writer to the node's <writers>, or",
        )
        .await;
        let complaint = answer.complaint();
        for words in [
            "no writer is configured for a message of type `",
            "Acquisition`",
            "Image",
            "istributed",
        ] {
            assert!(complaint.contains(words), "{words}: {complaint}");
        }
        assert!(answer.payloads.is_empty(), "nothing flows past {kind}");
    }
}

#[tokio::test]
async fn what_a_distributor_does_not_take_needs_no_writer() {
    let messages = recorded_messages();
    let by_space = "<distributor><classname>BufferDistributor</classname></distributor><stream/>";
    let configuration = text(2, &spread("distributed", by_space));
    let sent = [&configuration, messages[1], messages[2], &CLOSE];
    let answer = exchange(&Arc::<Services>::default(), sent).await;
    assert_eq!((answer.complaint().as_str(), answer.payloads.len()), ("", 1));
}

#[tokio::test]
async fn a_node_among_pure_gadgets_is_told_with_its_kind_and_place() {
    let nested = "<distributed><readers/><writers/><distributor><classname>AcquisitionDistributor</classname>\
                  </distributor><stream/></distributed>";
    for kind in ["puredistributed", "parallelprocess"] {
        let configuration = format!(
            "<configuration><version>2</version><readers/><writers/><stream><{kind}>\n<purestream>\n  {nested}\n\
            </purestream></{kind}></stream></configuration>"
        );
        let words = format!("line 3, column 3: a distributed node cannot stand here: a {kind} node runs");
        expect_complaint(&[&text(2, &configuration), &CLOSE], &words).await;
    }
}

#[tokio::test]
async fn messages_out_of_order_are_told() {
    let messages = recorded_messages();
    let (configuration, header, readout) = (messages[0], messages[1], messages[2]);
    expect_complaint(&[header, &CLOSE], "header").await;
    expect_complaint(&[readout, &CLOSE], "1008").await;
    expect_complaint(&[configuration, configuration, &CLOSE], "onfiguration").await;
    expect_complaint(&[configuration, readout, &CLOSE], "header").await;
    expect_complaint(&[configuration, header, header, &CLOSE], "header").await;
    expect_complaint(&[configuration, header, configuration, &CLOSE], "onfiguration").await;
}

#[tokio::test]
async fn unknown_message_ids_are_told() {
    let messages = recorded_messages();
    expect_complaint(&[&[0x37, 0x13]], "4919").await;
    let answer = expect_complaint(&[messages[0], messages[1], messages[2], &[0x37, 0x13]], "4919").await;
    assert!(answer.payloads.is_empty(), "one line of sixteen makes no image");
}

#[tokio::test]
async fn a_configuration_alone_and_a_close_alone_are_answered_with_close() {
    let services = Arc::<Services>::default();
    for messages in [
        vec![CLOSE.to_vec()],
        vec![configuration_name("default.xml"), CLOSE.to_vec()],
    ] {
        let answer = exchange(&services, messages.iter().map(Vec::as_slice)).await;
        assert_eq!((answer.complaint().as_str(), answer.closed), ("", true));
    }
}

#[tokio::test]
async fn queries_are_answered_in_every_phase() {
    let query = |correlation: u64| {
        let mut bytes = vec![6, 0];
        bytes.extend_from_slice(&0_u64.to_le_bytes());
        bytes.extend_from_slice(&correlation.to_le_bytes());
        bytes.extend_from_slice(&18_u64.to_le_bytes());
        bytes.extend_from_slice(b"gadgetron::version");
        bytes
    };
    let (one, two, three) = (query(1), query(2), query(3));
    let messages = recorded_messages();
    let mut sent: Vec<&[u8]> = vec![&one, messages[0], &two, messages[1], &three];
    sent.extend(&messages[2..]);
    let answer = exchange(&Arc::default(), sent).await;
    assert_eq!(answer.complaint(), "");
    assert_eq!(
        answer
            .responses
            .iter()
            .map(|(correlation, _)| *correlation)
            .collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert_eq!(answer.images().len(), 2);
}

#[tokio::test]
async fn every_question_of_the_original_has_its_answer_and_others_are_unknown() {
    let information = gadgetron::server::info::information();
    for key in protocol::query::KEYS.into_iter().chain(["gadgetron::info::weather"]) {
        let mut out = protocol::session::Outgoing::default();
        out.query(7, key);
        out.close();
        let answer = exchange(&Arc::default(), [out.buffer()]).await;
        assert_eq!(answer.responses, [(7, information.answer(key))]);
        assert_eq!(
            answer.responses[0].1 == protocol::query::UNKNOWN,
            key == "gadgetron::info::weather"
        );
        assert!(answer.closed);
    }
}

/// The recorded client sends two repetitions: its messages are configuration, header, readouts, CLOSE. A repetition is
/// known to be complete when the next one begins.
#[tokio::test]
async fn a_cut_connection_delivers_what_was_complete_and_nothing_else() {
    let services = Arc::<Services>::default();
    let boundaries = boundaries(CLIENT_DEFAULT);
    let whole = Answer::decode(ANSWER_DEFAULT).images();
    let lines = boundaries.len() - 1 - 3;
    let lines_in_an_image = lines / whole.len();
    for (message, &boundary) in boundaries.iter().enumerate().take(boundaries.len() - 1) {
        let inside = (boundary + boundaries[message + 1]) / 2;
        for cut in [boundary, inside] {
            let answer = exchange(&services, [&CLIENT_DEFAULT[..cut]]).await;
            let readouts = message.saturating_sub(2);
            let complete = readouts.saturating_sub(1) / lines_in_an_image;
            assert_eq!(
                answer.images().len(),
                complete,
                "cut at {cut} of {}",
                CLIENT_DEFAULT.len()
            );
            for (ours, whole) in answer.images().iter().zip(&whole) {
                assert_eq!(ours.header(), whole.header());
            }
            assert!(
                answer.complaint().contains("connection ended"),
                "cut at {cut}: \"{}\"",
                answer.complaint()
            );
        }
    }
}
