//! What the tests of the gadgets share: pushing messages through a gadget, small readouts and headers.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use engine::{BoxError, Capacity, Gadget, Input, Output, channel};
use ndarray::Array2;
use protocol::{
    Acquisition, Complex32, IsmrmrdHeader,
    configuration::Component,
    header::{Encoding, EncodingSpace, Limit},
};

use crate::{Context, context::Storage, properties, registry::Configured};

/// Keeps everything in memory, or fails.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) kept: Mutex<BTreeMap<(String, String), Vec<u8>>>,
    pub(crate) broken: bool,
}

impl Storage for Memory {
    fn store(&self, _: &IsmrmrdHeader, id: &str, name: &str, bytes: &[u8]) -> Result<(), BoxError> {
        if self.broken {
            return Err("no connection".into());
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert((id.into(), name.into()), bytes.into());
        Ok(())
    }

    fn latest(&self, _: &IsmrmrdHeader, id: &str, name: &str) -> Result<Option<Vec<u8>>, BoxError> {
        if self.broken {
            return Err("no connection".into());
        }
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(kept.get(&(id.to_owned(), name.to_owned())).cloned())
    }

    fn measurements(&self, _: &IsmrmrdHeader, name: &str) -> Result<Vec<String>, BoxError> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let named = kept.keys().filter(|(_, stored)| stored == name);
        Ok(named.map(|(id, _)| id.clone()).collect())
    }
}

impl Memory {
    pub(crate) fn put(&self, id: &str, name: &str, bytes: &[u8]) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert((id.into(), name.into()), bytes.into());
    }
}

/// Builds a gadget from properties as a configuration gives them.
pub(crate) fn build<G: Configured>(properties: &[(&str, &str)], context: &Context) -> Result<G, BoxError> {
    let component = Component::new("", properties);
    let properties = properties::parse(&component).map_err(|errors| errors[0].to_string())?;
    G::new(properties, context)
}

/// Everything the gadget makes of `messages`, and how its run ended.
pub(crate) fn run<G: Gadget>(gadget: G, messages: Vec<G::In>) -> (Vec<G::Out>, Result<(), BoxError>) {
    drive(gadget, messages, None)
}

/// As [`run`], for a run that must end well.
pub(crate) fn outputs<G: Gadget>(gadget: G, messages: Vec<G::In>) -> Vec<G::Out> {
    let (outputs, result) = run(gadget, messages);
    result.unwrap();
    outputs
}

/// As [`run`], but the stream breaks off after `messages`.
pub(crate) fn run_broken_off<G: Gadget>(gadget: G, messages: Vec<G::In>) -> (Vec<G::Out>, Result<(), BoxError>) {
    drive(gadget, messages, Some("the line is dead"))
}

fn drive<G: Gadget>(gadget: G, messages: Vec<G::In>, breaks: Option<&str>) -> (Vec<G::Out>, Result<(), BoxError>) {
    let (mut feed, input): (Output<G::In>, Input<G::In>) = channel(Capacity::messages(4));
    let (output, mut results): (Output<G::Out>, Input<G::Out>) = channel(Capacity::messages(4));
    let feeding = async move {
        for message in messages {
            if feed.send(message).await.is_err() {
                return;
            }
        }
        if let Some(reason) = breaks {
            feed.interrupt(reason);
        }
    };
    let collecting = async move {
        let mut collected = Vec::new();
        while let Ok(Some(message)) = results.next().await {
            collected.push(message);
        }
        collected
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let ((), result, collected) =
        runtime.block_on(async { futures::join!(feeding, gadget.run(input, output), collecting) });
    (collected, result)
}

/// A readout with these samples.
pub(crate) fn readout(channels: usize, samples: usize, value: impl Fn(usize, usize) -> Complex32) -> Acquisition {
    let mut readout = Acquisition::new(Array2::from_shape_fn((channels, samples), |(channel, sample)| {
        value(channel, sample)
    }));
    readout.header.sample_time_us = 5.0;
    readout
}

/// Samples that look like noise and are the same each time; `seed` tells readouts apart.
pub(crate) fn noise(seed: u64, channel: usize, sample: usize) -> Complex32 {
    let uniform = |salt: u64| {
        let mut bits = seed
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .wrapping_add((channel as u64) << 40)
            .wrapping_add((sample as u64) << 8)
            .wrapping_add(salt);
        for _ in 0..3 {
            bits = (bits ^ (bits >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        }
        ((bits >> 40) as f32 / (1 << 24) as f32) - 0.5
    };
    Complex32::new(uniform(1), uniform(2))
}

/// A header with one Cartesian encoding: matrices and fields of view in x, y, z.
pub(crate) fn header(encoded: [u16; 3], recon: [u16; 3]) -> IsmrmrdHeader {
    let space = |matrix_size: [u16; 3]| EncodingSpace {
        matrix_size,
        // One millimetre pixels.
        field_of_view_mm: matrix_size.map(f32::from),
        ..EncodingSpace::default()
    };
    let mut encoding = Encoding {
        encoded_space: space(encoded),
        recon_space: space(recon),
        ..Encoding::default()
    };
    let limit = |size: u16| {
        Some(Limit {
            minimum: 0,
            maximum: size - 1,
            center: size / 2,
        })
    };
    encoding.encoding_limits.kspace_encoding_step_1 = limit(encoded[1]);
    encoding.encoding_limits.kspace_encoding_step_2 = limit(encoded[2]);
    IsmrmrdHeader {
        encoding: vec![encoding],
        ..IsmrmrdHeader::default()
    }
}
