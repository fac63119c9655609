//! Message 1018, a DICOM file: 32 bits of length and the file, then 64 bits of length and the name, and the
//! attributes' XML in the same way; the length 0 stands for none.

use super::{Codec, Decoder, put_number, put_text, text::meta};
use crate::{
    Dicom, Meta,
    error::{EncodeError, Failure},
};

/// DICOM files, as `DicomImageWriter` sends them.
#[derive(Clone, Copy, Debug, Default)]
pub struct DicomCodec;

impl Codec for DicomCodec {
    type Value = Dicom;

    fn scan(&self, decoder: &mut Decoder<'_>) -> Result<(), Failure> {
        let length = decoder.number::<u32>()?;
        decoder.bytes(length.into())?;
        for part in ["the name", "the attributes"] {
            let length = decoder.number::<u64>()?;
            decoder.check(part, length, decoder.limits().text_bytes, "text_bytes")?;
            decoder.bytes(length)?;
        }
        Ok(())
    }

    fn decode(&self, decoder: &mut Decoder<'_>) -> Result<Dicom, Failure> {
        let length = decoder.number::<u32>()?;
        let file = decoder.bytes(length.into())?.to_vec();
        let length = decoder.number()?;
        let name = decoder.text("the name", length)?.to_owned();
        let length = decoder.number()?;
        let meta = meta(decoder, length)?;
        Ok(Dicom { file, name, meta })
    }

    fn encode(&self, value: &Dicom, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let length = u32::try_from(value.file.len())
            .map_err(|_| EncodeError::does_not_fit("the DICOM file", "longer than 32 bits can count"))?;
        put_number(out, length);
        out.extend_from_slice(&value.file);
        put_text(out, &value.name);
        put_text(out, &value.meta.as_ref().map(Meta::to_xml).unwrap_or_default());
        Ok(())
    }

    fn weight(&self, value: &Dicom) -> usize {
        value.weight()
    }
}
