//! Distributors: what looks at each message of a `distributed` node and chooses its key.
//!
//! The messages of one key travel in order over one link. A class of your own is registered in a [`Distributors`]
//! table:
//!
//! ```
//! use engine::distribute::{SelectorNode, by_key};
//! use gadgetron::distribution::Distributors;
//! use gadgets::Flow;
//! use protocol::Waveform;
//!
//! let mut distributors = Distributors::standard();
//! // Each kind of waveform to a worker of its own; everything else flows past.
//! distributors.register("WaveformDistributor", |component, _context| {
//!     let kind = by_key(|waveform: &Waveform| u64::from(waveform.header.waveform_id));
//!     Ok(SelectorNode::new(&component.name, kind, Waveform::accept, Waveform::emit))
//! });
//! assert!(distributors.find("WaveformDistributor").is_some());
//! ```

use std::{collections::BTreeMap, fmt, sync::Arc};

use engine::{
    BoxError,
    distribute::{Selector, SelectorNode, by_key},
};
use gadgets::{
    Context, Flow,
    properties::{self, PropertyError, PropertyValue},
};
use protocol::{Acquisition, ReconData, acquisition::EncodingCounters, configuration::Component};

/// Builds a distributor; all that is wrong with its properties comes back.
pub type Build = dyn Fn(&Component, &Context) -> Result<SelectorNode, Vec<PropertyError>> + Send + Sync;

/// The table of the classes that a `distributor` of a configuration can name.
#[derive(Clone)]
pub struct Distributors {
    classes: BTreeMap<String, Arc<Build>>,
}

impl fmt::Debug for Distributors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.classes.keys()).finish()
    }
}

impl Default for Distributors {
    fn default() -> Self {
        Self::standard()
    }
}

impl Distributors {
    /// `AcquisitionDistributor` and `BufferDistributor`.
    pub fn standard() -> Self {
        let mut table = Self {
            classes: BTreeMap::new(),
        };
        table.register("AcquisitionDistributor", |component, _| {
            let counter = properties::parse::<AcquisitionDistributorProperties>(component)?.dimension;
            let counter = by_key(move |readout: &Acquisition| u64::from(counter.of(&readout.header.idx)));
            Ok(SelectorNode::new(
                &component.name,
                counter,
                Acquisition::accept,
                Acquisition::emit,
            ))
        });
        table.register("BufferDistributor", |component, _| {
            properties::parse::<properties::NoProperties>(component)?;
            Ok(SelectorNode::new(
                &component.name,
                ByEncodingSpace,
                ReconData::accept,
                ReconData::emit,
            ))
        });
        table
    }

    /// Adds a class; one of the same name is replaced. `build` reads the component's properties.
    pub fn register<F>(&mut self, class: impl Into<String>, build: F)
    where
        F: Fn(&Component, &Context) -> Result<SelectorNode, Vec<PropertyError>> + Send + Sync + 'static,
    {
        self.classes.insert(class.into(), Arc::new(build));
    }

    /// The class of this name.
    pub fn find(&self, class: &str) -> Option<&Arc<Build>> {
        self.classes.get(class)
    }

    /// The names of all classes, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.classes.keys().map(String::as_str)
    }
}

gadgets::properties! {
    /// Properties of `AcquisitionDistributor`.
    pub struct AcquisitionDistributorProperties {
        /// The counter that tells the links apart.
        "parallel_dimension" => pub dimension: Counter = Counter::Slice,
    }
}

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $variant:ident $text:literal $get:expr;)*) => {
        /// One of the 17 counters of a readout.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Counter { $($(#[doc = $doc])* $variant,)* }

        impl Counter {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in configurations.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// Its value in a readout.
            pub fn of(self, counters: &EncodingCounters) -> u16 {
                let get: fn(&EncodingCounters) -> u16 = match self { $(Self::$variant => $get,)* };
                get(counters)
            }
        }
    };
}
counters! {
    /// Phase encoding line.
    Line "kspace_encode_step_1" |c| c.kspace_encode_step_1;
    /// Partition encoding line.
    Partition "kspace_encode_step_2" |c| c.kspace_encode_step_2;
    /// Average.
    Average "average" |c| c.average;
    /// Slice.
    Slice "slice" |c| c.slice;
    /// Contrast.
    Contrast "contrast" |c| c.contrast;
    /// Phase of the heart beat.
    Phase "phase" |c| c.phase;
    /// Repetition.
    Repetition "repetition" |c| c.repetition;
    /// Set.
    Set "set" |c| c.set;
    /// Segment.
    Segment "segment" |c| c.segment;
    /// Users' own.
    User0 "user_0" |c| c.user[0];
    /// Users' own.
    User1 "user_1" |c| c.user[1];
    /// Users' own.
    User2 "user_2" |c| c.user[2];
    /// Users' own.
    User3 "user_3" |c| c.user[3];
    /// Users' own.
    User4 "user_4" |c| c.user[4];
    /// Users' own.
    User5 "user_5" |c| c.user[5];
    /// Users' own.
    User6 "user_6" |c| c.user[6];
    /// Users' own.
    User7 "user_7" |c| c.user[7];
}

impl PropertyValue for Counter {
    fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let known = Self::ALL.iter().copied();
        known.clone().find(|counter| counter.name() == text).ok_or_else(|| {
            let names: Vec<_> = known.map(Self::name).collect();
            format!("expected one of {}, found \"{text}\"", names.join(", "))
        })
    }

    fn show(&self) -> String {
        self.name().to_owned()
    }
}

/// Sorted k-space, one link for each encoding space; answers to the original's `BufferDistributor`.
#[derive(Debug)]
struct ByEncodingSpace;

impl Selector for ByEncodingSpace {
    type In = ReconData;
    type Key = u64;

    fn select(&mut self, data: ReconData) -> Result<Vec<(u64, ReconData)>, BoxError> {
        let alone = |bit| ReconData { bits: vec![bit] };
        Ok((0..).zip(data.bits.into_iter().map(alone)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::Message;
    use ndarray::{Array2, ArrayD, IxDyn};
    use protocol::{
        AcquisitionHeader, BufferedData, IsmrmrdHeader, ReconBit, SamplingDescription, configuration::Property,
    };

    fn build(class: &str, properties: &[(&str, &str)]) -> Result<SelectorNode, Vec<PropertyError>> {
        let component = Component {
            class: class.into(),
            properties: properties
                .iter()
                .map(|(name, value)| Property {
                    name: (*name).into(),
                    value: (*value).into(),
                    ..Property::default()
                })
                .collect(),
            ..Component::default()
        };
        let table = Distributors::standard();
        let class = table.find(class).unwrap();
        class(&component, &Context::new(IsmrmrdHeader::default()))
    }

    fn readout(change: impl FnOnce(&mut EncodingCounters)) -> Message {
        let mut header = AcquisitionHeader::default();
        change(&mut header.idx);
        Acquisition {
            header,
            data: Array2::default((0, 0)),
            trajectory: None,
        }
        .emit()
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
            data: ArrayD::default(IxDyn(&[0; 7])),
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
}
