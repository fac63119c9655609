//! Images back out of a file.

use std::path::{Path, PathBuf};

use hdf5_reader::{ByteOrder, BytesStorage, Datatype, Hdf5File};
use ndarray::Array4;
use num_complex::{Complex32, Complex64};
use protocol::{AnyImage, Image, ImageHeader, Meta, Pixel, PixelType};

use super::{
    FileError, Problem, ReadLimits, group_path,
    heap::{Heap, numbers},
    layout::Member,
    raw_reader::{find_group, hdf5_of, open_hdf5},
    table::Table,
};

/// An image file, open for reading.
pub struct ImageReader {
    path: PathBuf,
    file: Hdf5File,
    limits: ReadLimits,
}

impl std::fmt::Debug for ImageReader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ImageReader")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// A series of images of one size and pixel type.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageSeries {
    /// Its name, `image_<series>`.
    pub name: String,
    /// The images in the order they were written.
    pub images: Vec<AnyImage>,
}

impl ImageReader {
    /// Opens an image file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = path.as_ref();
        let limits = ReadLimits::default();
        let file = open_hdf5(path, &limits, limits.series_bytes).map_err(|problem| problem.at(path))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            limits,
        })
    }

    /// Reads the file whose bytes these are; errors call it `bytes`.
    pub fn from_bytes(bytes: Vec<u8>, limits: ReadLimits) -> Result<Self, FileError> {
        let path = Path::new("bytes");
        let file =
            hdf5_of(BytesStorage::new(bytes), &limits, limits.series_bytes).map_err(|problem| problem.at(path))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            limits,
        })
    }

    /// The groups of the file, one for each run that wrote to it.
    pub fn groups(&self) -> Result<Vec<String>, FileError> {
        let groups = find_group(&self.file, "").and_then(|root| {
            let (groups, _) = root
                .member_names()
                .map_err(|error| Problem::damaged("root group", error))?;
            Ok(groups)
        });
        groups.map_err(|problem| problem.at(&self.path))
    }

    /// All series of a group, by name. They are held in memory.
    pub fn series(&self, group: &str) -> Result<Vec<ImageSeries>, FileError> {
        self.series_inner(group).map_err(|problem| problem.at(&self.path))
    }

    fn series_inner(&self, group: &str) -> Result<Vec<ImageSeries>, Problem> {
        let group = find_group(&self.file, &group_path(group))?;
        let (mut names, _) = group
            .member_names()
            .map_err(|error| Problem::damaged(group.name(), error))?;
        names.retain(|name| name.starts_with("image"));
        names.sort();
        names
            .into_iter()
            .map(|name| {
                let inner = group.group(&name).map_err(|error| Problem::damaged(&name, error))?;
                let images = self.images(&inner, &name)?;
                Ok(ImageSeries { name, images })
            })
            .collect()
    }

    fn images(&self, group: &hdf5_reader::group::Group, name: &str) -> Result<Vec<AnyImage>, Problem> {
        let dataset = |part: &str| {
            group
                .dataset(part)
                .map_err(|error| Problem::damaged(format!("{name}/{part}"), error))
        };
        let headers = self.headers(dataset("header")?, name)?;
        let metas = self.metas(dataset("attributes")?, name)?;
        let data = dataset("data")?;
        let damaged = |reason: String| Problem::damaged(format!("{name}/data"), reason);
        let pixel_type = pixel_type(data.dtype()).ok_or_else(|| damaged(format!("pixels of {:?}", data.dtype())))?;
        let shape: Vec<usize> = data
            .shape()
            .iter()
            .map(|&size| usize::try_from(size).unwrap_or(usize::MAX))
            .collect();
        let &[count, channels, z, y, x] = shape.as_slice() else {
            return Err(damaged(format!("{} dimensions instead of 5", shape.len())));
        };
        if headers.len() != count || metas.len() != count {
            return Err(damaged(format!(
                "{count} images, {} headers, {} attributes",
                headers.len(),
                metas.len()
            )));
        }
        self.bound(&data).map_err(damaged)?;
        let bytes = data.read_raw_bytes().map_err(|error| damaged(error.to_string()))?;
        let image_bytes = bytes.len().checked_div(count).unwrap_or(0);
        let mut images = Vec::new();
        for (place, (header, meta)) in headers.into_iter().zip(metas).enumerate() {
            // Images without pixels have no bytes, and are images all the same.
            let bytes = bytes
                .get(place * image_bytes..(place + 1) * image_bytes)
                .unwrap_or_default();
            let shape = [channels, z, y, x];
            let image = match pixel_type {
                PixelType::U16 => image::<u16>(header, meta, shape, bytes),
                PixelType::I16 => image::<i16>(header, meta, shape, bytes),
                PixelType::U32 => image::<u32>(header, meta, shape, bytes),
                PixelType::I32 => image::<i32>(header, meta, shape, bytes),
                PixelType::F32 => image::<f32>(header, meta, shape, bytes),
                PixelType::F64 => image::<f64>(header, meta, shape, bytes),
                PixelType::C32 => image::<Complex32>(header, meta, shape, bytes),
                PixelType::C64 => image::<Complex64>(header, meta, shape, bytes),
            };
            images.push(image.map_err(damaged)?);
        }
        Ok(images)
    }

    /// Refuses more pixels than one may ask memory for. Compressed images are as much smaller than these as they like.
    fn bound(&self, data: &hdf5_reader::Dataset) -> Result<(), String> {
        let element = data.raw_element_size().map_err(|error| error.to_string())? as u64;
        let sizes = data.shape().iter();
        let bytes = sizes.fold(element, |bytes, &size| bytes.saturating_mul(size));
        let limit = (self.limits.series_bytes as u64).max(self.file.storage().len());
        match bytes <= limit {
            true => Ok(()),
            false => Err(format!("{bytes} bytes of pixels; the limit (series_bytes) is {limit}")),
        }
    }

    fn headers(&self, dataset: hdf5_reader::Dataset, name: &str) -> Result<Vec<ImageHeader>, Problem> {
        let name = format!("{name}/header");
        let table = Table::new(dataset, &name, self.file.storage().len())?;
        let places = ImageHeader::places(table.dataset().dtype()).map_err(|reason| Problem::damaged(&name, reason))?;
        let mut rows = table.read()?;
        let mut headers = Vec::new();
        while let Some(row) = rows.next_row()? {
            headers.push(ImageHeader::read(&places, row));
        }
        Ok(headers)
    }

    fn metas(&self, dataset: hdf5_reader::Dataset, name: &str) -> Result<Vec<Option<Meta>>, Problem> {
        let name = format!("{name}/attributes");
        let table = Table::new(dataset, &name, self.file.storage().len())?;
        let mut rows = table.read()?;
        let mut heap = Heap::new(self.file.clone(), self.limits.heap_bytes);
        let mut metas = Vec::new();
        loop {
            let text = match rows.next_row()? {
                Some(row) => heap.resolve(row, 1).map_err(|reason| Problem::damaged(&name, reason))?,
                None => return Ok(metas),
            };
            let text = protocol::xml::decode_leniently(text.bytes());
            let text = text.trim_end_matches('\0');
            metas.push(match text.is_empty() {
                true => None,
                false => Some(Meta::parse(text).map_err(|error| Problem::damaged(rows.place(), error))?),
            });
        }
    }
}

fn image<T: Pixel>(
    header: ImageHeader,
    meta: Option<Meta>,
    shape: [usize; 4],
    bytes: &[u8],
) -> Result<AnyImage, String> {
    let pixels = numbers(bytes)?;
    let data = Array4::from_shape_vec(shape, pixels).map_err(|error| error.to_string())?;
    Ok(T::any(Image { header, data, meta }))
}

fn pixel_type(datatype: &Datatype) -> Option<PixelType> {
    let float = |datatype: &Datatype, bytes: u8| matches!(datatype, Datatype::FloatingPoint { size, byte_order: ByteOrder::LittleEndian } if *size == bytes);
    match datatype {
        Datatype::FixedPoint {
            size,
            signed,
            byte_order: ByteOrder::LittleEndian,
        } => match (size, signed) {
            (2, false) => Some(PixelType::U16),
            (2, true) => Some(PixelType::I16),
            (4, false) => Some(PixelType::U32),
            (4, true) => Some(PixelType::I32),
            _ => None,
        },
        single if float(single, 4) => Some(PixelType::F32),
        double if float(double, 8) => Some(PixelType::F64),
        Datatype::Compound { size, fields } => match fields.as_slice() {
            [real, imaginary]
                if real.byte_offset == 0
                    && imaginary.byte_offset * 2 == *size
                    && real.datatype == imaginary.datatype =>
            {
                match size {
                    8 if float(&real.datatype, 4) => Some(PixelType::C32),
                    16 if float(&real.datatype, 8) => Some(PixelType::C64),
                    _ => None,
                }
            }
            _ => None,
        },
        _ => None,
    }
}
