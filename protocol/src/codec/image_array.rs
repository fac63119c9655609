//! Message 1024, an image array: pixels, image headers, attributes (64 bits of count, then XML without NUL, each with
//! its length), then waveforms and readout headers, a flag before each.

use ndarray::Ix3;

use super::{
    Codec, Decoder, encoder::put_record_array, put_array, put_count, put_number, put_samples, put_text, text, waveform,
};
use crate::{
    AcquisitionHeader, ImageArray, ImageHeader, Waveform, WaveformHeader,
    error::{EncodeError, Failure},
    wire::Wire,
};

/// Image arrays, as `IsmrmrdImageArrayReader` and `IsmrmrdImageArrayWriter` exchange them.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImageArrayCodec;

const LENGTH_BYTES: u64 = size_of::<u64>() as u64;
const WAVEFORM_BYTES: u64 = WaveformHeader::SIZE as u64;

impl Codec for ImageArrayCodec {
    type Value = ImageArray;

    fn scan(&self, decoder: &mut Decoder<'_>) -> Result<(), Failure> {
        decoder.skip_array("the pixels", 8)?;
        decoder.skip_array("the images' headers", ImageHeader::SIZE as u64)?;
        let metas = decoder.count("the attributes", LENGTH_BYTES)?;
        decoder.scan_items(metas, LENGTH_BYTES, |decoder| {
            let length = decoder.number::<u64>()?;
            decoder.check("the attributes", length, decoder.limits().text_bytes, "text_bytes")?;
            decoder.bytes(length).map(drop)
        })?;
        if decoder.flag("the flag of the waveforms")? {
            let waveforms = decoder.count("the waveforms", WAVEFORM_BYTES)?;
            decoder.scan_items(waveforms, WAVEFORM_BYTES, |decoder| {
                let header = decoder.record()?;
                decoder.bytes(waveform::sample_count(&header) * 4).map(drop)
            })?;
        }
        if decoder.flag("the flag of the readouts' headers")? {
            decoder.skip_array("the readouts' headers", AcquisitionHeader::SIZE as u64)?;
        }
        Ok(())
    }

    fn decode(&self, decoder: &mut Decoder<'_>) -> Result<ImageArray, Failure> {
        let data = decoder.array("the pixels")?;
        let mut headers = decoder.record_array("the images' headers")?;
        // Shape [LOC, S, N]; a sender may leave out outer dimensions of size one.
        while headers.ndim() < 3 {
            headers = headers.insert_axis(ndarray::Axis(0));
        }
        let headers = headers
            .into_dimensionality::<Ix3>()
            .map_err(|_| decoder.malformed("the images' headers", "more than three dimensions"))?;
        let count = decoder.count("the attributes", LENGTH_BYTES)?;
        let mut meta = Vec::new();
        for _ in 0..count {
            let length = decoder.number()?;
            meta.push(text::meta(decoder, length)?.unwrap_or_default());
        }
        let has_waveforms = decoder.flag("the flag of the waveforms")?;
        let waveforms = has_waveforms.then(|| waveforms(decoder)).transpose()?;
        let has_headers = decoder.flag("the flag of the readouts' headers")?;
        let acquisition_headers = has_headers
            .then(|| decoder.record_array("the readouts' headers"))
            .transpose()?;
        Ok(ImageArray {
            data,
            headers,
            meta,
            waveforms,
            acquisition_headers,
        })
    }

    fn encode(&self, value: &ImageArray, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        put_array(out, &value.data);
        put_record_array(out, &value.headers);
        put_count(out, value.meta.len());
        for meta in &value.meta {
            put_text(out, &meta.to_xml());
        }
        put_number(out, u8::from(value.waveforms.is_some()));
        if let Some(waveforms) = &value.waveforms {
            put_count(out, waveforms.len());
            for waveform in waveforms {
                waveform::header(waveform)?.write(out);
                put_samples(out, &waveform.data);
            }
        }
        put_number(out, u8::from(value.acquisition_headers.is_some()));
        if let Some(headers) = &value.acquisition_headers {
            put_record_array(out, headers);
        }
        Ok(())
    }

    fn weight(&self, value: &ImageArray) -> usize {
        value.weight()
    }
}

fn waveforms(decoder: &mut Decoder<'_>) -> Result<Vec<Waveform>, Failure> {
    let count = decoder.count("the waveforms", WAVEFORM_BYTES)?;
    let mut waveforms = Vec::new();
    for _ in 0..count {
        let header = decoder.record()?;
        waveforms.push(waveform::samples(header, decoder)?);
    }
    Ok(waveforms)
}
