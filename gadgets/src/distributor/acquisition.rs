//! Readouts by one of their counters.

use engine::{BoxError, Selector, distribute::Chosen};
use protocol::{Acquisition, acquisition::EncodingCounters};

use crate::{Context, properties::PropertyValue, registry::Configured};

crate::properties! {
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

/// Readouts with one value of a counter travel over one link.
///
/// Properties: [`AcquisitionDistributorProperties`]. Answers to the original's `AcquisitionDistributor`.
#[derive(Clone, Copy, Debug)]
pub struct AcquisitionDistributor {
    counter: Counter,
}

impl Configured for AcquisitionDistributor {
    type Properties = AcquisitionDistributorProperties;

    fn new(properties: AcquisitionDistributorProperties, _context: &Context) -> Result<Self, BoxError> {
        Ok(Self {
            counter: properties.dimension,
        })
    }
}

impl Selector for AcquisitionDistributor {
    type In = Acquisition;
    type Key = u64;

    fn select(&mut self, readout: Acquisition) -> Result<Chosen<u64, Acquisition>, BoxError> {
        Ok(vec![(u64::from(self.counter.of(&readout.header.idx)), readout)])
    }
}
