//! Raw data from a file: the header first, then readouts and waveforms in the order to send them.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use gadgets::flow::ScannerData;
use hdf5_reader::{BytesStorage, FileStorage, Hdf5File, OpenOptions, Storage, StringSize, error::Error as Hdf5Error};
use ndarray::Array2;
use num_complex::Complex32;
use protocol::{Acquisition, AcquisitionHeader, Waveform, WaveformHeader};

use super::{
    FileError, Problem, ReadLimits, group_path,
    heap::{Heap, numbers},
    layout::{self, Member},
    table::{Rows, Table},
};

/// Raw data in a file, open for reading.
///
/// It takes no lock: several may read one file at a time.
pub struct RawDataFile {
    path: PathBuf,
    file: Hdf5File,
    limits: ReadLimits,
    header_xml: String,
    acquisitions: Option<Table>,
    waveforms: Option<Table>,
}

impl std::fmt::Debug for RawDataFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RawDataFile")
            .field("path", &self.path)
            .field("acquisitions", &self.acquisition_count())
            .field("waveforms", &self.waveform_count())
            .finish_non_exhaustive()
    }
}

impl RawDataFile {
    /// Opens `path` and reads the header of the raw data in `group` (slashes around it do not matter).
    pub fn open(path: impl AsRef<Path>, group: &str) -> Result<Self, FileError> {
        Self::open_with(path, group, ReadLimits::default())
    }

    /// [`RawDataFile::open`] with limits of one's own.
    pub fn open_with(path: impl AsRef<Path>, group: &str, limits: ReadLimits) -> Result<Self, FileError> {
        let path = path.as_ref();
        open_hdf5(path, &limits, 0)
            .and_then(|file| Self::new(file, path, group, limits))
            .map_err(|problem| problem.at(path))
    }

    /// Reads the file whose bytes these are; errors call it `bytes`.
    pub fn from_bytes(bytes: Vec<u8>, group: &str, limits: ReadLimits) -> Result<Self, FileError> {
        let path = Path::new("bytes");
        hdf5_of(BytesStorage::new(bytes), &limits, 0)
            .and_then(|file| Self::new(file, path, group, limits))
            .map_err(|problem| problem.at(path))
    }

    fn new(file: Hdf5File, path: &Path, group: &str, limits: ReadLimits) -> Result<Self, Problem> {
        let name = group_path(group);
        let group = find_group(&file, &name)?;
        let (_, parts) = group.member_names().map_err(|error| Problem::damaged(&name, error))?;
        let has = |part: &str| parts.iter().any(|name| name == part);
        if !has("xml") {
            return Err(Problem::Missing {
                group: name,
                part: "xml".into(),
            });
        }
        let dataset = |part: &str| group.dataset(part).map_err(|error| Problem::damaged(part, error));
        let table = |part: &str| match has(part) {
            true => Table::new(dataset(part)?, part, file.storage().len()).map(Some),
            false => Ok(None),
        };
        Ok(Self {
            header_xml: read_header(&file, &dataset("xml")?, &limits)?,
            acquisitions: table("data")?,
            waveforms: table("waveforms")?,
            path: path.to_owned(),
            limits,
            file,
        })
    }

    /// The ISMRMRD header as it stands in the file.
    pub fn header_xml(&self) -> &str {
        &self.header_xml
    }

    /// How many readouts there are.
    pub fn acquisition_count(&self) -> u64 {
        self.acquisitions.as_ref().map_or(0, Table::rows)
    }

    /// How many waveforms there are.
    pub fn waveform_count(&self) -> u64 {
        self.waveforms.as_ref().map_or(0, Table::rows)
    }

    /// Readouts and waveforms in the order to send them: each list in its own order, a waveform before the first
    /// readout with a later time stamp. After an error there is nothing more.
    pub fn items(&self) -> RawItems {
        let mut items = RawItems {
            path: self.path.clone(),
            failed: None,
            acquisitions: None,
            waveforms: None,
            next_acquisition: None,
            next_waveform: None,
        };
        let heap = || Heap::new(self.file.clone(), self.limits.heap_bytes);
        let mut open = || -> Result<(), Problem> {
            let acquisitions = self.acquisitions.as_ref();
            let waveforms = self.waveforms.as_ref();
            items.acquisitions = acquisitions.map(|table| Acquisitions::new(table, heap())).transpose()?;
            items.waveforms = waveforms.map(|table| Waveforms::new(table, heap())).transpose()?;
            Ok(())
        };
        items.failed = open().err();
        items
    }
}

impl IntoIterator for RawDataFile {
    type Item = Result<ScannerData, FileError>;
    type IntoIter = RawItems;

    fn into_iter(self) -> RawItems {
        self.items()
    }
}

impl IntoIterator for &RawDataFile {
    type Item = Result<ScannerData, FileError>;
    type IntoIter = RawItems;

    fn into_iter(self) -> RawItems {
        self.items()
    }
}

/// Opens an HDF5 file for reading, as [`hdf5_of`].
pub(super) fn open_hdf5(path: &Path, limits: &ReadLimits, whole_dataset: usize) -> Result<Hdf5File, Problem> {
    let storage = FileStorage::from_file(File::open(path)?).map_err(|error| Problem::damaged("file", error))?;
    hdf5_of(storage, limits, whole_dataset)
}

/// Reads HDF5 so that nothing in it can make the reader allocate more than the limits and the file's own size, or, for a
/// dataset read at once, `whole_dataset` bytes where these are more.
pub(super) fn hdf5_of(
    storage: impl Storage + 'static,
    limits: &ReadLimits,
    whole_dataset: usize,
) -> Result<Hdf5File, Problem> {
    let whole_file = usize::try_from(storage.len()).unwrap_or(usize::MAX);
    let options = OpenOptions::default()
        .with_chunk_cache_bytes(0)
        .with_chunk_cache_slots(1)
        .with_max_chunk_bytes(limits.chunk_bytes)
        .with_max_read_bytes(whole_file.max(whole_dataset))
        .with_max_object_header_bytes(whole_file.min(1 << 20));
    Hdf5File::from_storage_with_options(Arc::new(storage), options).map_err(|error| match error {
        Hdf5Error::InvalidMagic => Problem::NotHdf5,
        Hdf5Error::Io(error) => Problem::Io(error),
        other => Problem::damaged("superblock", other),
    })
}

/// The group at `path`, or which groups there are.
pub(super) fn find_group(file: &Hdf5File, path: &str) -> Result<hdf5_reader::group::Group, Problem> {
    let mut group = file
        .root_group()
        .map_err(|error| Problem::damaged("root group", error))?;
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let (present, _) = group.member_names().map_err(|error| Problem::damaged(path, error))?;
        if !present.iter().any(|name| name == part) {
            return Err(Problem::NoGroup {
                group: path.to_owned(),
                present,
            });
        }
        group = group.group(part).map_err(|error| Problem::damaged(path, error))?;
    }
    Ok(group)
}

/// The header: one string, of variable length in every file met so far.
fn read_header(file: &Hdf5File, dataset: &hdf5_reader::Dataset, limits: &ReadLimits) -> Result<String, Problem> {
    use hdf5_reader::Datatype;
    let damaged = |reason: String| Problem::damaged("xml", reason);
    let raw = dataset.read_raw_bytes().map_err(|error| damaged(error.to_string()))?;
    let data;
    let bytes = match dataset.dtype() {
        Datatype::String {
            size: StringSize::Fixed(_),
            ..
        } => raw.as_slice(),
        Datatype::String {
            size: StringSize::Variable,
            ..
        }
        | Datatype::VarLen { .. } => {
            data = Heap::new(file.clone(), 0).resolve(&raw, 1).map_err(damaged)?;
            data.bytes()
        }
        other => return Err(damaged(format!("{other:?} instead of text"))),
    };
    if bytes.len() > limits.header_bytes {
        return Err(damaged(format!(
            "{} bytes, more than the limit of {}",
            bytes.len(),
            limits.header_bytes
        )));
    }
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    // Old headers say they are ISO-8859-1, whose characters are the first of Unicode.
    Ok(protocol::xml::decode_leniently(&bytes[..end]).into_owned())
}

struct Acquisitions {
    rows: Rows,
    heap: Heap,
    head: (usize, <AcquisitionHeader as Member>::Places),
    trajectory: usize,
    data: usize,
}

impl Acquisitions {
    fn new(table: &Table, heap: Heap) -> Result<Self, Problem> {
        let of_record = || {
            let record = table.dataset().dtype();
            let (offset, datatype) = layout::member(record, "head")?;
            let head = (offset, AcquisitionHeader::places(datatype)?);
            Ok((
                head,
                layout::sequence::<f32>(record, "traj")?,
                layout::sequence::<f32>(record, "data")?,
            ))
        };
        let (head, trajectory, data) = of_record().map_err(|reason: String| Problem::damaged("data", reason))?;
        Ok(Self {
            rows: table.read()?,
            heap,
            head,
            trajectory,
            data,
        })
    }

    fn next(&mut self) -> Result<Option<Acquisition>, Problem> {
        let Some(row) = self.rows.next_row()? else {
            return Ok(None);
        };
        let header = AcquisitionHeader::read(&self.head.1, row.get(self.head.0..).unwrap_or_default());
        let mut resolve = |offset: usize| self.heap.resolve(row.get(offset..).unwrap_or_default(), 4);
        let mut build = || -> Result<Acquisition, String> {
            let samples = usize::from(header.number_of_samples);
            let channels = usize::from(header.active_channels);
            let dimensions = usize::from(header.trajectory_dimensions);
            let data = resolve(self.data)?;
            let data =
                Array2::from_shape_vec((channels, samples), numbers::<Complex32>(data.bytes())?).map_err(|_| {
                    format!(
                        "{} bytes for {channels} channels of {samples} samples",
                        data.bytes().len()
                    )
                })?;
            let trajectory = resolve(self.trajectory)?;
            let trajectory = Array2::from_shape_vec((samples, dimensions), numbers::<f32>(trajectory.bytes())?)
                .map_err(|_| {
                    format!(
                        "a trajectory of {} bytes for {samples} samples in {dimensions} dimensions",
                        trajectory.bytes().len()
                    )
                })?;
            Ok(Acquisition {
                header,
                data,
                trajectory: (dimensions > 0).then_some(trajectory),
            })
        };
        let built = build();
        built
            .map(Some)
            .map_err(|reason| Problem::damaged(self.rows.place(), reason))
    }
}

struct Waveforms {
    rows: Rows,
    heap: Heap,
    head: (usize, <WaveformHeader as Member>::Places),
    data: usize,
}

impl Waveforms {
    fn new(table: &Table, heap: Heap) -> Result<Self, Problem> {
        let of_record = || {
            let record = table.dataset().dtype();
            let (offset, datatype) = layout::member(record, "head")?;
            Ok((
                (offset, WaveformHeader::places(datatype)?),
                layout::sequence::<u32>(record, "data")?,
            ))
        };
        let (head, data) = of_record().map_err(|reason: String| Problem::damaged("waveforms", reason))?;
        Ok(Self {
            rows: table.read()?,
            heap,
            head,
            data,
        })
    }

    fn next(&mut self) -> Result<Option<Waveform>, Problem> {
        let Some(row) = self.rows.next_row()? else {
            return Ok(None);
        };
        let header = WaveformHeader::read(&self.head.1, row.get(self.head.0..).unwrap_or_default());
        let data = self.heap.resolve(row.get(self.data..).unwrap_or_default(), 4);
        let build = || -> Result<Waveform, String> {
            let (channels, samples) = (usize::from(header.channels), usize::from(header.number_of_samples));
            let data = data?;
            let data = Array2::from_shape_vec((channels, samples), numbers::<u32>(data.bytes())?).map_err(|_| {
                format!(
                    "{} bytes for {channels} channels of {samples} samples",
                    data.bytes().len()
                )
            })?;
            Ok(Waveform { header, data })
        };
        build()
            .map(Some)
            .map_err(|reason| Problem::damaged(self.rows.place(), reason))
    }
}

/// The items of a file. After an error there are no more.
pub struct RawItems {
    path: PathBuf,
    /// What kept it from being opened.
    failed: Option<Problem>,
    acquisitions: Option<Acquisitions>,
    waveforms: Option<Waveforms>,
    next_acquisition: Option<Acquisition>,
    next_waveform: Option<Waveform>,
}

impl std::fmt::Debug for RawItems {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RawItems")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl RawItems {
    /// Reads ahead one of each, so that their time stamps can be compared.
    fn fill(&mut self) -> Result<(), Problem> {
        if let Some(problem) = self.failed.take() {
            return Err(problem);
        }
        if self.next_acquisition.is_none()
            && let Some(acquisitions) = &mut self.acquisitions
        {
            self.next_acquisition = acquisitions.next()?;
            if self.next_acquisition.is_none() {
                self.acquisitions = None;
            }
        }
        if self.next_waveform.is_none()
            && let Some(waveforms) = &mut self.waveforms
        {
            self.next_waveform = waveforms.next()?;
            if self.next_waveform.is_none() {
                self.waveforms = None;
            }
        }
        Ok(())
    }
}

impl Iterator for RawItems {
    type Item = Result<ScannerData, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(problem) = self.fill() {
            (self.acquisitions, self.waveforms) = (None, None);
            (self.next_acquisition, self.next_waveform) = (None, None);
            return Some(Err(problem.at(&self.path)));
        }
        let waveform_first = match (&self.next_waveform, &self.next_acquisition) {
            (Some(waveform), Some(acquisition)) => {
                waveform.header.time_stamp < acquisition.header.acquisition_time_stamp
            }
            (waveform, _) => waveform.is_some(),
        };
        match waveform_first {
            true => self.next_waveform.take().map(ScannerData::Waveform),
            false => self.next_acquisition.take().map(ScannerData::Acquisition),
        }
        .map(Ok)
    }
}
