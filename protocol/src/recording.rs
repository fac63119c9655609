//! What is in a recorded connection: a line for each message, for people and for other programs.
//!
//! ```
//! use protocol::{codec::{Readers, Writers}, recording::{Side, list}, session::Outgoing};
//! let mut out = Outgoing::new(Writers::none());
//! out.configuration_name("default.xml")?;
//! out.close();
//! let lines: Vec<_> = list(out.buffer(), Side::of(out.buffer()), Readers::standard()).collect::<Result<_, _>>().unwrap();
//! assert_eq!(lines[0].to_string(), "0 FILENAME (1) 1026 bytes, name default.xml");
//! assert_eq!(lines[1].to_string(), "1026 CLOSE (4) 2 bytes");
//! # Ok::<(), protocol::error::EncodeError>(())
//! ```

use std::fmt;

use serde::Serialize;

use crate::{
    Acquisition, AcquisitionBucket, Complex32, Complex64, DependencyQuery, Dicom, Image, ImageArray, ImageHeader,
    Limits, PixelType, ReconData, Waveform,
    codec::{Payload, Readers},
    error::Error,
    message_id,
    session::{Event, Incoming},
};

/// Which way the bytes of a recording went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// From the client (or a distributor) to the server.
    ToServer,
    /// From the server back.
    ToClient,
}

impl Side {
    /// The side that a recording's first message belongs to.
    pub fn of(bytes: &[u8]) -> Self {
        match bytes.split_first_chunk().map(|(&id, _)| u16::from_le_bytes(id)) {
            Some(message_id::FILENAME..=message_id::HEADER | message_id::QUERY) => Self::ToServer,
            _ => Self::ToClient,
        }
    }
}

/// One message of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Its place in the bytes.
    pub offset: u64,
    /// Its length, number included.
    pub bytes: u64,
    /// Its number.
    pub id: u16,
    /// The name of that number.
    pub name: &'static str,
    /// What its header says, in the order of importance.
    pub fields: Vec<(&'static str, String)>,
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} {} ({}) {} bytes",
            self.offset, self.name, self.id, self.bytes
        )?;
        self.fields
            .iter()
            .try_for_each(|(name, value)| write!(formatter, ", {name} {value}"))
    }
}

/// Lists the messages in `bytes`. A recording that ends inside a message ends with a line `CUT`.
pub fn list(bytes: &[u8], side: Side, readers: Readers) -> impl Iterator<Item = Result<Line, Error>> {
    let mut incoming = match side {
        Side::ToServer => Incoming::server(Limits::default()),
        Side::ToClient => Incoming::client(Limits::default(), Readers::none()),
    };
    incoming.set_readers(readers);
    incoming.handle_bytes(bytes);
    incoming.handle_end();
    let mut ended = false;
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let offset = incoming.offset();
        let event = match incoming.poll_event() {
            Ok(Some(event)) => event,
            Ok(None) => return None,
            Err(error) => {
                ended = true;
                return Some(Err(error));
            }
        };
        let start = usize::try_from(offset).ok()?;
        let rest = bytes.get(start..)?;
        let id = rest.split_first_chunk().map_or(0, |(&id, _)| u16::from_le_bytes(id));
        if let Event::End { clean } = event {
            ended = true;
            return (!clean).then(|| {
                Ok(Line {
                    offset,
                    bytes: rest.len() as u64,
                    id,
                    name: "CUT",
                    fields: Vec::new(),
                })
            });
        }
        Some(Ok(Line {
            offset,
            bytes: incoming.offset() - offset,
            id,
            name: message_id::name(id).unwrap_or("USER"),
            fields: fields(&event),
        }))
    })
}

type Fields = Vec<(&'static str, String)>;

/// The longest part of a text that a line shows.
const SHOWN: usize = 120;

fn shown(text: &str) -> String {
    let line = text.trim().replace(['\n', '\r', '\t'], " ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

fn fields(event: &Event) -> Fields {
    match event {
        Event::ConfigurationName(name) => vec![("name", shown(name))],
        Event::Configuration(text) | Event::Header(text) | Event::Text(text) | Event::RemoteError(text) => {
            vec![("text", shown(text))]
        }
        Event::Query { correlation, text } | Event::Response { correlation, text } => {
            vec![("correlation", correlation.to_string()), ("text", shown(text))]
        }
        Event::Message(payload) => message(payload),
        Event::Close | Event::End { .. } => Vec::new(),
    }
}

fn message(payload: &Payload) -> Fields {
    let value = &*payload.value;
    if let Some(Acquisition { header, .. }) = value.downcast_ref() {
        return vec![
            ("scan", header.scan_counter.to_string()),
            ("channels", header.active_channels.to_string()),
            ("samples", header.number_of_samples.to_string()),
            ("line", header.idx.kspace_encode_step_1.to_string()),
            ("partition", header.idx.kspace_encode_step_2.to_string()),
            ("slice", header.idx.slice.to_string()),
            ("repetition", header.idx.repetition.to_string()),
            ("flags", format!("{:#x}", header.flags)),
        ];
    }
    if let Some(Waveform { header, .. }) = value.downcast_ref() {
        return vec![
            ("waveform", header.waveform_id.to_string()),
            ("channels", header.channels.to_string()),
            ("samples", header.number_of_samples.to_string()),
            ("time", header.time_stamp.to_string()),
        ];
    }
    if let Some(header) = image_header(payload) {
        let [x, y, z] = header.matrix_size;
        let pixel_type = PixelType::from_number(header.data_type);
        return vec![
            ("series", header.image_series_index.to_string()),
            ("index", header.image_index.to_string()),
            (
                "pixels",
                pixel_type.map_or_else(String::new, |kind| format!("{kind:?}")),
            ),
            ("size", format!("{x}x{y}x{z}x{}", header.channels)),
            ("slice", header.slice.to_string()),
            ("repetition", header.repetition.to_string()),
            ("attributes", header.attribute_string_len.to_string()),
        ];
    }
    if let Some(data) = value.downcast_ref::<ReconData>() {
        let shapes = data.bits.iter().map(|bit| format!("{:?}", bit.data.data.shape()));
        return vec![
            ("spaces", data.bits.len().to_string()),
            ("shapes", shapes.collect::<Vec<_>>().join(" ")),
        ];
    }
    if let Some(array) = value.downcast_ref::<ImageArray>() {
        return vec![
            ("shape", format!("{:?}", array.data.shape())),
            ("attributes", array.meta.len().to_string()),
        ];
    }
    if let Some(bucket) = value.downcast_ref::<AcquisitionBucket>() {
        return vec![
            ("readouts", bucket.data.len().to_string()),
            ("calibration", bucket.reference.len().to_string()),
            ("waveforms", bucket.waveforms.len().to_string()),
        ];
    }
    if let Some(dicom) = value.downcast_ref::<Dicom>() {
        return vec![("name", shown(&dicom.name)), ("file", dicom.file.len().to_string())];
    }
    if let Some(query) = value.downcast_ref::<DependencyQuery>() {
        return vec![("attributes", query.meta.iter().count().to_string())];
    }
    vec![("type", payload.type_name.to_owned())]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_listed_with_what_its_headers_say() {
        let bytes = include_bytes!("../tests/data/client_default.0.s2c.bin");
        assert_eq!(Side::of(bytes), Side::ToClient);
        let lines: Vec<_> = list(bytes, Side::ToClient, Readers::standard())
            .collect::<Result<_, _>>()
            .unwrap();
        let names: Vec<_> = lines.iter().map(|line| line.name).collect();
        assert_eq!(names, ["ISMRMRD_IMAGE", "ISMRMRD_IMAGE", "CLOSE"]);
        assert_eq!(lines[0].fields[3], ("size", "16x16x1x1".to_owned()));
        assert_eq!(lines[1].offset, lines[0].bytes);
    }

    #[test]
    fn a_recording_that_was_cut_says_so() {
        let bytes = include_bytes!("../tests/data/client_default.0.c2s.bin");
        assert_eq!(Side::of(bytes), Side::ToServer);
        let cut = &bytes[..bytes.len() - 3];
        let lines: Vec<_> = list(cut, Side::ToServer, Readers::standard())
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(lines.last().map(|line| line.name), Some("CUT"));
        let foreign = list(&[0xff, 0xff], Side::ToClient, Readers::standard()).collect::<Result<Vec<_>, _>>();
        assert!(foreign.is_err());
    }
}
