//! What a message's header says, in a few words.

use std::fmt;

use serde::Serialize;

use crate::{
    Acquisition, AcquisitionBucket, Complex32, Complex64, DependencyQuery, Dicom, Image, ImageArray, ImageHeader,
    PixelType, ReconData, Waveform, codec::Payload, session::Event,
};

/// One thing that a header says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Field {
    /// A count, an index, a time.
    Number(u64),
    /// Words.
    Text(String),
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::Text(text) => text.fmt(formatter),
        }
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl From<$number> for Field {
            fn from(number: $number) -> Self {
                Self::Number(number.into())
            }
        }
    )*};
}
numbers!(u16, u32, u64);

impl From<usize> for Field {
    fn from(count: usize) -> Self {
        Self::Number(count as u64)
    }
}

impl From<String> for Field {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// What a header says, by name, in the order of importance.
pub type Fields = Vec<(&'static str, Field)>;

/// The longest part of a text that a line shows.
const SHOWN: usize = 120;

fn shown(text: &str) -> String {
    // Control characters would break the line, or play tricks on the terminal.
    let line = text.trim().replace(char::is_control, " ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

pub(super) fn fields(event: &Event) -> Fields {
    match event {
        Event::ConfigurationName(name) => vec![("name", shown(name).into())],
        Event::Configuration(text) | Event::Header(text) | Event::Text(text) | Event::RemoteError(text) => {
            vec![("text", shown(text).into())]
        }
        Event::Query { correlation, text } | Event::Response { correlation, text } => {
            vec![("correlation", (*correlation).into()), ("text", shown(text).into())]
        }
        Event::Message(payload) => message(payload),
        Event::Close | Event::End { .. } => Vec::new(),
    }
}

fn message(payload: &Payload) -> Fields {
    let value = &*payload.value;
    if let Some(Acquisition { header, .. }) = value.downcast_ref() {
        return vec![
            ("scan", header.scan_counter.into()),
            ("channels", header.active_channels.into()),
            ("samples", header.number_of_samples.into()),
            ("line", header.idx.kspace_encode_step_1.into()),
            ("partition", header.idx.kspace_encode_step_2.into()),
            ("slice", header.idx.slice.into()),
            ("repetition", header.idx.repetition.into()),
            ("flags", format!("{:#x}", header.flags).into()),
        ];
    }
    if let Some(Waveform { header, .. }) = value.downcast_ref() {
        return vec![
            ("waveform", header.waveform_id.into()),
            ("channels", header.channels.into()),
            ("samples", header.number_of_samples.into()),
            ("time", header.time_stamp.into()),
        ];
    }
    if let Some(header) = image_header(payload) {
        let [x, y, z] = header.matrix_size;
        let pixel_type = PixelType::from_number(header.data_type);
        return vec![
            ("series", header.image_series_index.into()),
            ("index", header.image_index.into()),
            (
                "pixels",
                pixel_type.map_or_else(String::new, |kind| format!("{kind:?}")).into(),
            ),
            ("size", format!("{x}x{y}x{z}x{}", header.channels).into()),
            ("slice", header.slice.into()),
            ("repetition", header.repetition.into()),
            ("attributes", header.attribute_string_len.into()),
        ];
    }
    if let Some(data) = value.downcast_ref::<ReconData>() {
        let shapes = data.bits.iter().map(|bit| format!("{:?}", bit.data.data.shape()));
        return vec![
            ("spaces", data.bits.len().into()),
            ("shapes", shapes.collect::<Vec<_>>().join(" ").into()),
        ];
    }
    if let Some(array) = value.downcast_ref::<ImageArray>() {
        return vec![
            ("shape", format!("{:?}", array.data.shape()).into()),
            ("attributes", array.meta.len().into()),
        ];
    }
    if let Some(bucket) = value.downcast_ref::<AcquisitionBucket>() {
        return vec![
            ("readouts", bucket.data.len().into()),
            ("calibration", bucket.reference.len().into()),
            ("waveforms", bucket.waveforms.len().into()),
        ];
    }
    if let Some(dicom) = value.downcast_ref::<Dicom>() {
        return vec![("name", shown(&dicom.name).into()), ("file", dicom.file.len().into())];
    }
    if let Some(query) = value.downcast_ref::<DependencyQuery>() {
        return vec![("attributes", query.meta.iter().count().into())];
    }
    vec![("type", payload.type_name.to_owned().into())]
}

fn image_header(payload: &Payload) -> Option<&ImageHeader> {
    fn of<T: 'static>(payload: &Payload) -> Option<&ImageHeader> {
        payload.value.downcast_ref::<Image<T>>().map(|image| &image.header)
    }
    of::<u16>(payload)
        .or_else(|| of::<i16>(payload))
        .or_else(|| of::<u32>(payload))
        .or_else(|| of::<i32>(payload))
        .or_else(|| of::<f32>(payload))
        .or_else(|| of::<f64>(payload))
        .or_else(|| of::<Complex32>(payload))
        .or_else(|| of::<Complex64>(payload))
}
