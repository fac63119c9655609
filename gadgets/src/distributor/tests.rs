use engine::{Message, SelectorNode};
use ndarray::{Array2, ArrayD, IxDyn};
use protocol::{
    Acquisition, BufferedData, IsmrmrdHeader, ReconBit, ReconData, SamplingDescription, acquisition::EncodingCounters,
    configuration::Component,
};

use super::*;
use crate::{
    Context, Flow, PropertyError,
    registry::{self, Built},
};

fn build(class: &str, properties: &[(&str, &str)]) -> Result<SelectorNode, Vec<PropertyError>> {
    let entry = registry::find(class).unwrap();
    match (entry.build)(&Component::new(class, properties))? {
        Built::Distributor(build) => Ok(build(&Context::new(IsmrmrdHeader::default())).unwrap()),
        other => panic!("{other:?}"),
    }
}

fn readout(change: impl FnOnce(&mut EncodingCounters)) -> Message {
    let mut readout = Acquisition::new(Array2::default((0, 0)));
    change(&mut readout.header.idx);
    readout.emit()
}

fn keys(distributor: &mut SelectorNode, message: Message) -> Option<Vec<u64>> {
    let selected = distributor.select(message).unwrap().ok()?;
    Some(selected.iter().map(|(key, _)| *key).collect())
}

#[test]
fn readouts_go_by_any_of_seventeen_counters() {
    assert_eq!(Counter::ALL.len(), 17);
    for counter in Counter::ALL {
        let mut distributor = build("AcquisitionDistributor", &[("parallel_dimension", counter.name())]).unwrap();
        let every_counter_differs = readout(|c| {
            c.kspace_encode_step_1 = 1;
            c.kspace_encode_step_2 = 2;
            c.average = 3;
            c.slice = 4;
            c.contrast = 5;
            c.phase = 6;
            c.repetition = 7;
            c.set = 8;
            c.segment = 9;
            c.user = [10, 11, 12, 13, 14, 15, 16, 17];
        });
        let place = Counter::ALL.iter().position(|known| known == counter).unwrap();
        assert_eq!(
            keys(&mut distributor, every_counter_differs).unwrap(),
            [place as u64 + 1]
        );
    }
}

#[test]
fn the_slice_is_what_is_taken_unless_told() {
    let mut distributor = build("AcquisitionDistributor", &[]).unwrap();
    assert_eq!(keys(&mut distributor, readout(|c| c.slice = 3)).unwrap(), [3]);
    assert!(keys(&mut distributor, Message::new(7_u8)).is_none());
}

#[test]
fn an_unknown_counter_is_told_with_those_there_are() {
    let error = build("AcquisitionDistributor", &[("parallel_dimension", "slices")])
        .err()
        .unwrap();
    assert!(error[0].to_string().contains("kspace_encode_step_1"), "{error:?}");
    assert!(build("BufferDistributor", &[("size", "1")]).is_err());
}

#[test]
fn each_encoding_space_goes_its_own_way() {
    let mut distributor = build("BufferDistributor", &[]).unwrap();
    let data = BufferedData {
        data: ArrayD::default(IxDyn(&[0; 7])).into_shared(),
        trajectory: None,
        density: None,
        headers: ArrayD::default(IxDyn(&[0; 5])),
        sampling: SamplingDescription::default(),
    };
    let bits = vec![ReconBit { data, reference: None }; 2];
    let parts = distributor.select(ReconData { bits }.emit()).unwrap().unwrap();
    assert_eq!(parts.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [0, 1]);
    for (_, part) in parts {
        assert_eq!(part.downcast::<ReconData>().unwrap().bits.len(), 1);
    }
    assert!(keys(&mut distributor, readout(|_| {})).is_none());
}
