//! What a reconstruction makes on its way, written to files that the command line names (`--parameter NAME=FILE`).
//!
//! The names are the original's: `recon_header`, `coil_map`, `gfactor`, `reconed_images` and `waveform` of
//! `GenericReconCartesianGrappaGadget`, `reconed_images_after_post_processing` of
//! `GenericReconFieldOfViewAdjustmentGadget`. A file holds ISMRMRD messages as they go over connections, behind those it held
//! before; the number of CLOSE ends them when the gadget ends. The original's names of arrays of k-space (`undersampled_kspace`,
//! `ref_kspace`, `ref_kspace_for_coil_map`, `reconed_kspace`) make no files here.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::Write,
    sync::Arc,
};

use engine::BoxError;
use protocol::{
    Image, ImageArray, IsmrmrdHeader, Waveform,
    codec::{EncodeError, Writers},
    session::Outgoing,
};

use crate::{Context, image::array_split::split};

/// Name of the measurement's header.
pub(super) const HEADER: &str = "recon_header";
/// Name of the coil maps, complex images.
pub(super) const COIL_MAP: &str = "coil_map";
/// Name of the maps of the g-factor, real images.
pub(super) const GFACTOR: &str = "gfactor";
/// Name of the complex images.
pub(super) const IMAGES: &str = "reconed_images";
/// Name of the complex images after all that is done to them.
pub(super) const FINISHED_IMAGES: &str = "reconed_images_after_post_processing";
/// Name of the waveforms.
pub(super) const WAVEFORM: &str = "waveform";

/// The files of one gadget.
#[derive(Debug)]
pub(super) struct Streams {
    paths: Arc<BTreeMap<String, String>>,
    open: BTreeMap<&'static str, File>,
}

impl Streams {
    pub(super) fn new(context: &Context) -> Self {
        Self {
            paths: context.parameters.clone(),
            open: BTreeMap::new(),
        }
    }

    /// Whether there is a file of this name.
    pub(super) fn wants(&self, name: &str) -> bool {
        self.paths.contains_key(name)
    }

    /// Writes the header, once.
    pub(super) fn header(&mut self, header: &IsmrmrdHeader) -> Result<(), BoxError> {
        match self.open.contains_key(HEADER) {
            true => Ok(()),
            false => self.append(HEADER, |out| out.header(&header.to_xml())),
        }
    }

    /// Writes the images of an array.
    pub(super) fn images(&mut self, name: &'static str, array: &ImageArray) -> Result<(), BoxError> {
        if !self.wants(name) {
            return Ok(());
        }
        for image in split(array.clone())? {
            self.message(name, &image)?;
        }
        Ok(())
    }

    /// Writes the real parts of the images of an array.
    pub(super) fn real_images(&mut self, name: &'static str, array: &ImageArray) -> Result<(), BoxError> {
        if !self.wants(name) {
            return Ok(());
        }
        for image in split(array.clone())? {
            let real: Image<f32> = image.map(|pixel| pixel.re);
            self.message(name, &real)?;
        }
        Ok(())
    }

    /// Writes waveforms.
    pub(super) fn waveforms(&mut self, waveforms: &[Waveform]) -> Result<(), BoxError> {
        waveforms
            .iter()
            .try_for_each(|waveform| self.message(WAVEFORM, waveform))
    }

    fn message<T: 'static>(&mut self, name: &'static str, value: &T) -> Result<(), BoxError> {
        self.append(name, |out| out.message(value, std::any::type_name::<T>()))
    }

    fn append(
        &mut self,
        name: &'static str,
        encode: impl FnOnce(&mut Outgoing) -> Result<(), EncodeError>,
    ) -> Result<(), BoxError> {
        let Some(path) = self.paths.get(name) else {
            return Ok(());
        };
        let mut out = Outgoing::new(Writers::standard());
        encode(&mut out)?;
        let failed = |error: std::io::Error| format!("parameter {name}={path}: {error}");
        let file = match self.open.entry(name) {
            std::collections::btree_map::Entry::Occupied(file) => file.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => place.insert(
                OpenOptions::new()
                    .append(true)
                    .create(true)
                    .open(path)
                    .map_err(failed)?,
            ),
        };
        Ok(file.write_all(out.buffer()).map_err(failed)?)
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        let mut out = Outgoing::default();
        out.close();
        for (name, file) in &mut self.open {
            if let Err(error) = file.write_all(out.buffer()) {
                tracing::warn!(name, %error, "a file of intermediate results has no end");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array3, ArrayD, IxDyn};
    use protocol::{
        Complex32, ImageHeader, Limits, WaveformHeader,
        codec::Readers,
        session::{Event, Incoming},
    };

    use super::*;

    fn array() -> ImageArray {
        ImageArray {
            data: ArrayD::from_shape_fn(IxDyn(&[1, 1, 2, 3, 1, 2, 4]), |at| {
                Complex32::new((at[2] * 10 + at[3]) as f32, at[6] as f32)
            }),
            headers: Array3::from_elem((1, 1, 2), ImageHeader::default()),
            meta: Vec::new(),
            waveforms: None,
            acquisition_headers: None,
        }
    }

    /// What is in a file, in words.
    fn read(path: &std::path::Path) -> Vec<String> {
        let mut incoming = match path.ends_with(HEADER) {
            true => Incoming::pipe(Limits::default(), Readers::standard()),
            false => Incoming::client(Limits::default(), Readers::standard()),
        };
        incoming.handle_bytes(&std::fs::read(path).unwrap());
        incoming.handle_end();
        let mut found = Vec::new();
        while let Some(event) = incoming.poll_event().unwrap() {
            found.push(match event {
                Event::Header(text) => format!("header {}", text.contains("<ismrmrdHeader")),
                Event::Message(payload) => match payload.value.downcast::<Image<f32>>() {
                    Ok(image) => format!("real {:?} {}", image.data.dim(), image.data[[0, 0, 0, 3]]),
                    Err(other) => {
                        let image = other.downcast::<Image<Complex32>>().unwrap();
                        format!("complex {:?} {}", image.data.dim(), image.data[[2, 0, 1, 3]])
                    }
                },
                Event::Close => "close".into(),
                other => format!("{other:?}"),
            });
            if found.last().is_some_and(|last| last == "close") {
                break;
            }
        }
        found
    }

    #[test]
    fn a_file_that_is_named_gets_its_messages_and_their_end_and_others_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let named = [HEADER, COIL_MAP, GFACTOR].map(|name| (name.to_owned(), path(name).display().to_string()));
        let context = Context {
            parameters: Arc::new(named.into()),
            ..Context::new(IsmrmrdHeader::default())
        };
        let mut streams = Streams::new(&context);
        for _ in 0..2 {
            streams.header(&context.header).unwrap();
            streams.images(IMAGES, &array()).unwrap();
        }
        streams.images(COIL_MAP, &array()).unwrap();
        streams.real_images(GFACTOR, &array()).unwrap();
        let waveform = Waveform {
            header: WaveformHeader::default(),
            data: Array2::zeros((1, 1)),
        };
        streams.waveforms(&[waveform]).unwrap();
        drop(streams);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
        assert_eq!(read(&path(HEADER)), ["header true", "close"]);
        let complex = ["complex (3, 1, 2, 4) 2+3i", "complex (3, 1, 2, 4) 12+3i", "close"];
        assert_eq!(read(&path(COIL_MAP)), complex);
        assert_eq!(
            read(&path(GFACTOR)),
            ["real (3, 1, 2, 4) 0", "real (3, 1, 2, 4) 10", "close"]
        );
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none").join("images").display().to_string();
        let context = Context {
            parameters: Arc::new([(IMAGES.to_owned(), path.clone())].into()),
            ..Context::new(IsmrmrdHeader::default())
        };
        let error = Streams::new(&context).images(IMAGES, &array()).unwrap_err().to_string();
        assert!(error.contains(&path) && error.contains(IMAGES), "{error}");
    }
}
