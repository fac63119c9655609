//! Images into a file, as the original's client writes them: `GROUP/image_<series>/{data, header, attributes}`.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use hdf5::{
    Dataset, File, Group, H5Type, SimpleExtents,
    types::{VarLenAscii, VarLenUnicode},
};
use ndarray::{Array4, ArrayView4};
use num_complex::Complex;
use protocol::{AnyImage, ImageHeader};

use super::{
    FileError, Problem, group_path,
    layout::Member,
    raw_writer::open_group,
    records::{ComplexRecord, ImageHeaderRecord},
};

/// Writes images, each as it comes: what has been written stays, whatever happens later.
///
/// Its calls block.
pub struct ImageFile {
    path: PathBuf,
    file: File,
    group: Group,
    series: HashMap<u16, Series>,
    written: u64,
}

impl std::fmt::Debug for ImageFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ImageFile")
            .field("path", &self.path)
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

impl ImageFile {
    /// Opens the file at `path`, or makes it, to add images to `group`.
    pub fn create_or_append(path: impl AsRef<Path>, group: &str) -> Result<Self, FileError> {
        let path = path.as_ref();
        let open = || -> Result<Self, Problem> {
            let file = File::append(path)?;
            Ok(Self {
                path: path.to_owned(),
                group: open_group(&file, &group_path(group))?,
                file,
                series: HashMap::new(),
                written: 0,
            })
        };
        open().map_err(|problem| problem.at(path))
    }

    /// Adds an image to its series. All images of a series have the same size and pixel type.
    pub fn write(&mut self, image: &AnyImage) -> Result<(), FileError> {
        self.write_inner(image).map_err(|problem| problem.at(&self.path))
    }

    /// Images written.
    pub fn written(&self) -> u64 {
        self.written
    }

    fn write_inner(&mut self, image: &AnyImage) -> Result<(), Problem> {
        match image {
            AnyImage::U16(image) => self.append(&image.header, image.data.view(), image.meta.as_ref()),
            AnyImage::I16(image) => self.append(&image.header, image.data.view(), image.meta.as_ref()),
            AnyImage::U32(image) => self.append(&image.header, image.data.view(), image.meta.as_ref()),
            AnyImage::I32(image) => self.append(&image.header, image.data.view(), image.meta.as_ref()),
            AnyImage::F32(image) => self.append(&image.header, image.data.view(), image.meta.as_ref()),
            AnyImage::F64(image) => self.append(&image.header, image.data.view(), image.meta.as_ref()),
            AnyImage::C32(image) => self.append(&image.header, pairs(&image.data).view(), image.meta.as_ref()),
            AnyImage::C64(image) => self.append(&image.header, pairs(&image.data).view(), image.meta.as_ref()),
        }?;
        self.written += 1;
        // To the operating system, so that a killed process leaves a file that can be read.
        Ok(self.file.flush()?)
    }

    fn append<T: H5Type + Clone>(
        &mut self,
        header: &ImageHeader,
        pixels: ArrayView4<'_, T>,
        meta: Option<&protocol::Meta>,
    ) -> Result<(), Problem> {
        let attributes = meta.filter(|meta| !meta.is_empty()).map(protocol::Meta::to_xml);
        let number = header.image_series_index;
        let series = match self.series.entry(number) {
            std::collections::hash_map::Entry::Occupied(series) => series.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(Series::open::<T>(&self.group, number, pixels.shape())?)
            }
        };
        let mut header = *header;
        let length = attributes.as_ref().map_or(0, String::len);
        header.attribute_string_len =
            u32::try_from(length).map_err(|_| Problem::Unfit(format!("meta attributes of {length} bytes")))?;
        series.append(&header, pixels, attributes.as_deref())
    }
}

fn pairs<T: H5Type + Copy>(pixels: &Array4<Complex<T>>) -> Array4<ComplexRecord<T>> {
    pixels.map(|z| ComplexRecord { real: z.re, imag: z.im })
}

/// The datasets of one series.
struct Series {
    name: String,
    data: Dataset,
    header: Dataset,
    attributes: Dataset,
    /// Whether the attributes' type says UTF-8 (files begun by Python) or ASCII (all others).
    unicode: bool,
    shape: Vec<usize>,
    count: usize,
}

impl Series {
    fn open<T: H5Type>(group: &Group, number: u16, shape: &[usize]) -> Result<Self, Problem> {
        let name = format!("image_{number}");
        let (data, header, attributes) = match group.link_exists(&name) {
            true => {
                let group = group.group(&name)?;
                (
                    group.dataset("data")?,
                    group.dataset("header")?,
                    group.dataset("attributes")?,
                )
            }
            false => create::<T>(&group.create_group(&name)?, shape)?,
        };
        let whole = data.shape();
        let (&count, shape) = whole
            .split_first()
            .filter(|(_, shape)| shape.len() == 4)
            .ok_or_else(|| Problem::Unfit(format!("{name} in the file is no series of images")))?;
        if data.dtype()? != stored_type::<T>()? {
            return Err(Problem::Unfit(format!("{name} in the file has pixels of another type")));
        }
        let unicode = matches!(
            attributes.dtype()?.to_descriptor()?,
            hdf5::types::TypeDescriptor::VarLenUnicode
        );
        Ok(Self {
            shape: shape.to_vec(),
            name,
            data,
            header,
            attributes,
            unicode,
            count,
        })
    }

    fn append<T: H5Type + Clone>(
        &mut self,
        header: &ImageHeader,
        pixels: ArrayView4<'_, T>,
        attributes: Option<&str>,
    ) -> Result<(), Problem> {
        if pixels.shape() != self.shape {
            return Err(Problem::Unfit(format!(
                "an image of {:?} in series {}, whose images have {:?} (channels, z, y, x)",
                pixels.shape(),
                self.name,
                self.shape
            )));
        }
        if self.data.dtype()? != stored_type::<T>()? {
            return Err(Problem::Unfit(format!("{} has pixels of another type", self.name)));
        }
        let place = self.count;
        let [channels, z, y, x] = *pixels.shape() else {
            return Err(Problem::Unfit("an image without four dimensions".into()));
        };
        self.data.resize((place + 1, channels, z, y, x))?;
        self.header.resize(place + 1)?;
        self.attributes.resize(place + 1)?;
        let text = attributes.unwrap_or_default();
        let unfit = |reason: String| Problem::Unfit(format!("the meta attributes cannot be stored: {reason}"));
        if self.unicode {
            let text = text
                .parse::<VarLenUnicode>()
                .map_err(|error| unfit(error.to_string()))?;
            self.attributes.write_slice(&[text], place..place + 1)?;
        } else {
            // The original stores whatever bytes there are under the name of ASCII; we use XML's own escapes for what
            // ASCII lacks.
            let text = VarLenAscii::from_ascii(&escaped(text)).map_err(|error| unfit(error.to_string()))?;
            self.attributes.write_slice(&[text], place..place + 1)?;
        }
        self.header.write_slice(&[header.stored()], place..place + 1)?;
        let pixels = pixels.as_standard_layout();
        self.data.write_slice(pixels.view(), (place, .., .., .., ..))?;
        self.count = place + 1;
        Ok(())
    }
}

/// Characters beyond ASCII as numeric character references.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character.is_ascii() {
            true => out.push(character),
            false => out.push_str(&format!("&#{};", u32::from(character))),
        }
    }
    out
}

fn stored_type<T: H5Type>() -> Result<hdf5::Datatype, Problem> {
    Ok(hdf5::Datatype::from_descriptor(&T::type_descriptor().to_packed_repr())?)
}

fn create<T: H5Type>(group: &Group, shape: &[usize]) -> Result<(Dataset, Dataset, Dataset), Problem> {
    let &[channels, z, y, x] = shape else {
        return Err(Problem::Unfit("an image without four dimensions".into()));
    };
    if shape.contains(&0) {
        return Err(Problem::Unfit(format!("an image of {shape:?} pixels")));
    }
    let extents = SimpleExtents::new([
        hdf5::Extent::new(0, None),
        hdf5::Extent::fixed(channels),
        hdf5::Extent::fixed(z),
        hdf5::Extent::fixed(y),
        hdf5::Extent::fixed(x),
    ]);
    let data = group
        .new_dataset::<T>()
        .packed(true)
        .chunk((1, channels, z, y, x))
        .shape(extents)
        .create("data")?;
    let header = group
        .new_dataset::<ImageHeaderRecord>()
        .packed(true)
        .chunk(1)
        .shape(SimpleExtents::resizable([0]))
        .create("header")?;
    let attributes = group
        .new_dataset::<VarLenAscii>()
        .chunk(1)
        .shape(SimpleExtents::resizable([0]))
        .create("attributes")?;
    Ok((data, header, attributes))
}
