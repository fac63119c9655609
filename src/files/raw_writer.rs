//! Raw data into a file.

use std::path::{Path, PathBuf};

use hdf5::{
    Dataset, File, Group, H5Type,
    types::{VarLenArray, VarLenAscii, VarLenUnicode},
};
use protocol::{Acquisition, Waveform};

use super::{
    FileError, Problem, group_path,
    layout::Member,
    records::{AcquisitionRecord, WaveformRecord},
};

/// Records to a chunk of the file, and to a write.
const BATCH: usize = 64;

/// Writes raw data. Records are written in batches; [`RawDataWriter::finish`] writes the rest.
///
/// Its calls block. Dropped before it is finished, it writes what it can and keeps quiet about errors.
pub struct RawDataWriter {
    path: PathBuf,
    group: Group,
    acquisitions: Batch<AcquisitionRecord>,
    waveforms: Batch<WaveformRecord>,
    file: File,
}

impl std::fmt::Debug for RawDataWriter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RawDataWriter")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl RawDataWriter {
    /// A new file at `path` (an old one is replaced) with raw data in `group`.
    pub fn create(path: impl AsRef<Path>, group: &str, header_xml: &str) -> Result<Self, FileError> {
        let path = path.as_ref();
        let file = File::create(path).map_err(|error| Problem::from(error).at(path))?;
        Self::in_file(file, path, group, header_xml).map_err(|problem| problem.at(path))
    }

    /// Opens the file at `path`, or makes it, to add raw data to `group`. A header that is there stays.
    pub fn create_or_append(path: impl AsRef<Path>, group: &str, header_xml: &str) -> Result<Self, FileError> {
        let path = path.as_ref();
        let file = File::append(path).map_err(|error| Problem::from(error).at(path))?;
        Self::in_file(file, path, group, header_xml).map_err(|problem| problem.at(path))
    }

    fn in_file(file: File, path: &Path, group: &str, header_xml: &str) -> Result<Self, Problem> {
        let group = open_group(&file, &group_path(group))?;
        if group.link_exists("xml") {
            // The header of the data that are there already.
        } else if header_xml.is_ascii() {
            write_text(&group, VarLenAscii::from_ascii(header_xml).map_err(unfit)?)?;
        } else {
            write_text(&group, header_xml.parse::<VarLenUnicode>().map_err(unfit)?)?;
        }
        Ok(Self {
            path: path.to_owned(),
            group,
            acquisitions: Batch::new("data"),
            waveforms: Batch::new("waveforms"),
            file,
        })
    }

    /// Adds a readout. The sizes in its header are those of its arrays.
    pub fn acquisition(&mut self, acquisition: &Acquisition) -> Result<(), FileError> {
        let record = acquisition_record(acquisition);
        let added = record.and_then(|record| self.acquisitions.add(&self.group, record));
        added.map_err(|problem| problem.at(&self.path))
    }

    /// Adds a waveform. The sizes in its header are those of its array.
    pub fn waveform(&mut self, waveform: &Waveform) -> Result<(), FileError> {
        let record = waveform_record(waveform);
        let added = record.and_then(|record| self.waveforms.add(&self.group, record));
        added.map_err(|problem| problem.at(&self.path))
    }

    /// Writes what is left.
    pub fn finish(mut self) -> Result<(), FileError> {
        self.flush().map_err(|problem| problem.at(&self.path))
    }

    fn flush(&mut self) -> Result<(), Problem> {
        self.acquisitions.write(&self.group)?;
        self.waveforms.write(&self.group)?;
        Ok(self.file.flush()?)
    }
}

impl Drop for RawDataWriter {
    fn drop(&mut self) {
        if let Err(problem) = self.flush() {
            tracing::warn!("{}: {problem}", self.path.display());
        }
    }
}

/// Opens or creates the group at `path`.
pub(super) fn open_group(file: &File, path: &str) -> Result<Group, Problem> {
    let mut group = file.group("/")?;
    for part in path.split('/').filter(|part| !part.is_empty()) {
        group = match group.link_exists(part) {
            true => group.group(part)?,
            false => group.create_group(part)?,
        };
    }
    Ok(group)
}

fn write_text<T: H5Type>(group: &Group, text: T) -> Result<(), Problem> {
    let dataset = group.new_dataset::<T>().shape(1).create("xml")?;
    Ok(dataset.write(&[text])?)
}

fn unfit(reason: impl std::fmt::Display) -> Problem {
    Problem::Unfit(format!("the header cannot be stored as text: {reason}"))
}

fn size16(what: &str, size: usize) -> Result<u16, Problem> {
    u16::try_from(size).map_err(|_| Problem::Unfit(format!("{size} {what}, more than a header can say")))
}

fn acquisition_record(acquisition: &Acquisition) -> Result<AcquisitionRecord, Problem> {
    let (channels, samples) = acquisition.data.dim();
    let mut header = acquisition.header;
    header.active_channels = size16("channels", channels)?;
    header.number_of_samples = size16("samples", samples)?;
    header.trajectory_dimensions = 0;
    let mut trajectory = VarLenArray::from_slice(&[]);
    if let Some(points) = &acquisition.trajectory {
        if points.nrows() != samples {
            return Err(Problem::Unfit(format!(
                "a trajectory of {} points for {samples} samples",
                points.nrows()
            )));
        }
        header.trajectory_dimensions = size16("dimensions of a trajectory", points.ncols())?;
        trajectory = match points.as_slice() {
            Some(numbers) => VarLenArray::from_slice(numbers),
            None => VarLenArray::from_slice(&points.iter().copied().collect::<Vec<_>>()),
        };
    }
    let data = match acquisition.data.as_slice() {
        Some(samples) => VarLenArray::from_slice(bytemuck::cast_slice(samples)),
        None => VarLenArray::from_slice(&acquisition.data.iter().flat_map(|z| [z.re, z.im]).collect::<Vec<_>>()),
    };
    Ok(AcquisitionRecord {
        head: header.stored(),
        traj: trajectory,
        data,
    })
}

fn waveform_record(waveform: &Waveform) -> Result<WaveformRecord, Problem> {
    let (channels, samples) = waveform.data.dim();
    let mut header = waveform.header;
    header.channels = size16("channels", channels)?;
    header.number_of_samples = size16("samples", samples)?;
    Ok(WaveformRecord {
        head: header.stored(),
        data: match waveform.data.as_slice() {
            Some(samples) => VarLenArray::from_slice(samples),
            None => VarLenArray::from_slice(&waveform.data.iter().copied().collect::<Vec<_>>()),
        },
    })
}

/// Records waiting to be written to one dataset, which is made with the first batch.
struct Batch<T> {
    name: &'static str,
    waiting: Vec<T>,
    dataset: Option<Dataset>,
    written: usize,
}

impl<T: H5Type> Batch<T> {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            waiting: Vec::with_capacity(BATCH),
            dataset: None,
            written: 0,
        }
    }

    fn add(&mut self, group: &Group, record: T) -> Result<(), Problem> {
        self.waiting.push(record);
        match self.waiting.len() < BATCH {
            true => Ok(()),
            false => self.write(group),
        }
    }

    fn write(&mut self, group: &Group) -> Result<(), Problem> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let dataset = match &mut self.dataset {
            Some(dataset) => dataset,
            none if group.link_exists(self.name) => {
                let dataset = group.dataset(self.name)?;
                self.written = dataset.size();
                none.insert(dataset)
            }
            none => none.insert(
                group
                    .new_dataset::<T>()
                    .packed(true)
                    .chunk(BATCH)
                    .shape(hdf5::SimpleExtents::resizable([0]))
                    .create(self.name)?,
            ),
        };
        let end = self.written + self.waiting.len();
        dataset.resize(end)?;
        dataset.write_slice(&self.waiting, self.written..end)?;
        self.written = end;
        self.waiting.clear();
        Ok(())
    }
}
