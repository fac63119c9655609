//! Data of variable length: HDF5 keeps them in "global heap" collections, blocks with numbered objects.
//!
//! The format: HDF5 File Format Specification 3.0, III.E. A reference is a count (4 bytes), the address of a
//! collection, and the number of an object in it (4 bytes).

use std::{ops::Range, sync::Arc};

use hdf5_reader::{Hdf5File, StorageBuffer};

/// Collections kept at hand: libhdf5 fills up to 16 at a time.
const COLLECTIONS_KEPT: usize = 16;

/// Reads data of variable length; keeps the collections used last.
pub(super) struct Heap {
    file: Hdf5File,
    offset_bytes: usize,
    length_bytes: usize,
    budget: usize,
    /// The one used last is the last.
    kept: Vec<Arc<Collection>>,
}

struct Collection {
    address: u64,
    bytes: StorageBuffer,
    objects: Vec<(u16, Range<usize>)>,
}

/// Data of variable length: keeps the collection they are in alive.
pub(super) struct HeapData {
    collection: Option<Arc<Collection>>,
    range: Range<usize>,
}

impl HeapData {
    pub(super) fn bytes(&self) -> &[u8] {
        self.collection
            .as_ref()
            .and_then(|collection| collection.bytes.get(self.range.clone()))
            .unwrap_or_default()
    }
}

impl Heap {
    /// Reads from `file`, keeping at most `budget` bytes beside what is in use.
    pub(super) fn new(file: Hdf5File, budget: usize) -> Self {
        let superblock = file.superblock();
        Self {
            offset_bytes: usize::from(superblock.offset_size),
            length_bytes: usize::from(superblock.length_size),
            file,
            budget,
            kept: Vec::new(),
        }
    }

    /// The data that the reference at the start of `reference` stands for: as many elements of `element_bytes` as it says.
    pub(super) fn resolve(&mut self, reference: &[u8], element_bytes: usize) -> Result<HeapData, String> {
        let mut rest = reference;
        let count = number(&mut rest, 4)?;
        let address = number(&mut rest, self.offset_bytes)?;
        let index = number(&mut rest, 4)?;
        let nowhere = u64::MAX >> (64 - 8 * self.offset_bytes.clamp(1, 8));
        if count == 0 || index == 0 || address == 0 || address == nowhere {
            return match count {
                0 => Ok(HeapData {
                    collection: None,
                    range: 0..0,
                }),
                _ => Err(format!("{count} values, but nowhere")),
            };
        }
        let length = usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_mul(element_bytes))
            .ok_or("more values than memory")?;
        let collection = self.collection(address)?;
        let (_, object) = collection
            .objects
            .iter()
            .find(|(number, _)| u64::from(*number) == index)
            .ok_or_else(|| format!("no object {index} in the heap collection at {address}"))?;
        if object.len() < length {
            return Err(format!("{length} bytes in a heap object of {}", object.len()));
        }
        let range = object.start..object.start + length;
        Ok(HeapData {
            collection: Some(collection),
            range,
        })
    }

    fn collection(&mut self, address: u64) -> Result<Arc<Collection>, String> {
        if let Some(place) = self.kept.iter().rposition(|collection| collection.address == address) {
            let collection = self.kept.remove(place);
            self.kept.push(Arc::clone(&collection));
            return Ok(collection);
        }
        let collection = Arc::new(self.read(address)?);
        self.kept.push(Arc::clone(&collection));
        let mut bytes: usize = self.kept.iter().map(|collection| collection.bytes.len()).sum();
        while self.kept.len() > 1 && (self.kept.len() > COLLECTIONS_KEPT || bytes > self.budget) {
            bytes -= self.kept.remove(0).bytes.len();
        }
        Ok(collection)
    }

    fn read(&self, address: u64) -> Result<Collection, String> {
        let read = |length: usize| {
            self.file
                .storage()
                .read_range(address, length)
                .map_err(|error| format!("heap collection at {address}: {error}"))
        };
        let head = read(8 + self.length_bytes)?;
        let size = match head.split_at_checked(8) {
            Some(([b'G', b'C', b'O', b'L', 1, ..], mut size)) => number(&mut size, self.length_bytes)?,
            _ => return Err(format!("no heap collection at {address}")),
        };
        // The storage refuses what reaches past the end of the file before it allocates.
        let bytes = read(usize::try_from(size).map_err(|_| "a heap collection larger than memory")?)?;
        let objects = self.objects(&bytes)?;
        Ok(Collection {
            address,
            bytes,
            objects,
        })
    }

    /// Numbers and places of the objects of a collection.
    fn objects(&self, bytes: &[u8]) -> Result<Vec<(u16, Range<usize>)>, String> {
        let head = 8 + self.length_bytes;
        let mut objects = Vec::new();
        let mut position = head;
        while let Some(mut object) = bytes.get(position..position.saturating_add(head)) {
            let index = number(&mut object, 2)? as u16;
            object = object.get(6..).unwrap_or_default();
            let size = number(&mut object, self.length_bytes)?;
            // Object 0 is the free space, and the last.
            if index == 0 {
                break;
            }
            let start = position + head;
            let end = usize::try_from(size)
                .ok()
                .and_then(|size| start.checked_add(size))
                .filter(|end| *end <= bytes.len())
                .ok_or_else(|| format!("heap object {index} reaches past the end of its collection"))?;
            objects.push((index, start..end));
            position = start + (end - start).next_multiple_of(8);
        }
        Ok(objects)
    }
}

/// A little-endian number of `length` bytes (at most 8) from the start of `bytes`, which moves on.
fn number(bytes: &mut &[u8], length: usize) -> Result<u64, String> {
    let (head, tail) = bytes
        .split_at_checked(length)
        .ok_or("a heap reference that is too short")?;
    *bytes = tail;
    Ok(head.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

/// Bytes as numbers; they need not be aligned.
pub(super) fn numbers<T: bytemuck::Pod>(bytes: &[u8]) -> Result<Vec<T>, String> {
    if !bytes.len().is_multiple_of(size_of::<T>()) {
        return Err(format!("{} bytes are not whole values", bytes.len()));
    }
    let mut values = vec![T::zeroed(); bytes.len() / size_of::<T>()];
    bytemuck::cast_slice_mut(&mut values).copy_from_slice(bytes);
    Ok(values)
}
