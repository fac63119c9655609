//! Where the members of a stored record lie, found once for each dataset from the types the file declares.

use hdf5_reader::{ByteOrder, CompoundField, Datatype, VarLenKind, dtype_element_size};

/// A value stored in a record: how it is declared in a file, and how it is read from the record's bytes.
pub(super) trait Member: Copy {
    /// What libhdf5 writes for it.
    type Stored: hdf5::H5Type + Copy;
    /// Where its parts lie.
    type Places;

    /// The value to write.
    fn stored(&self) -> Self::Stored;

    /// Where its parts lie in a value of this type; an error when the file declares something else.
    fn places(datatype: &Datatype) -> Result<Self::Places, String>;

    /// Reads it. `bytes` has at least the size that [`Member::places`] has checked.
    fn read(places: &Self::Places, bytes: &[u8]) -> Self;
}

/// A number of fixed size.
pub(super) trait Number: hdf5::H5Type + Copy {
    fn declared_as(datatype: &Datatype) -> bool;
    fn from_start(bytes: &[u8]) -> Self;
}

macro_rules! number {
    ($($number:ty: $pattern:pat),* $(,)?) => {$(
        impl Number for $number {
            fn declared_as(datatype: &Datatype) -> bool {
                matches!(datatype, $pattern)
            }

            fn from_start(bytes: &[u8]) -> Self {
                bytes.first_chunk().map_or(Default::default(), |bytes| <$number>::from_le_bytes(*bytes))
            }
        }

        impl Member for $number {
            type Stored = Self;
            type Places = ();

            fn stored(&self) -> Self {
                *self
            }

            fn places(datatype: &Datatype) -> Result<(), String> {
                match <$number>::declared_as(datatype) {
                    true => Ok(()),
                    false => Err(format!("{datatype:?} instead of {}", stringify!($number))),
                }
            }

            fn read(_: &(), bytes: &[u8]) -> Self {
                <$number>::from_start(bytes)
            }
        }
    )*};
}

number! {
    u16: Datatype::FixedPoint { size: 2, signed: false, byte_order: ByteOrder::LittleEndian },
    u32: Datatype::FixedPoint { size: 4, signed: false, byte_order: ByteOrder::LittleEndian },
    u64: Datatype::FixedPoint { size: 8, signed: false, byte_order: ByteOrder::LittleEndian },
    i16: Datatype::FixedPoint { size: 2, signed: true, byte_order: ByteOrder::LittleEndian },
    i32: Datatype::FixedPoint { size: 4, signed: true, byte_order: ByteOrder::LittleEndian },
    f32: Datatype::FloatingPoint { size: 4, byte_order: ByteOrder::LittleEndian },
    f64: Datatype::FloatingPoint { size: 8, byte_order: ByteOrder::LittleEndian },
}

impl<T: Number + Default, const N: usize> Member for [T; N] {
    type Stored = Self;
    type Places = ();

    fn stored(&self) -> Self {
        *self
    }

    fn places(datatype: &Datatype) -> Result<(), String> {
        match datatype {
            Datatype::Array { base, dims } if dims.as_slice() == [N as u64] && T::declared_as(base) => Ok(()),
            other => Err(format!("{other:?} instead of {N} times {}", std::any::type_name::<T>())),
        }
    }

    fn read(_: &(), bytes: &[u8]) -> Self {
        let mut values = [T::default(); N];
        for (value, bytes) in values.iter_mut().zip(bytes.chunks_exact(size_of::<T>())) {
            *value = T::from_start(bytes);
        }
        values
    }
}

/// The member `name` of a record type: its offset, and that it lies inside the record.
pub(super) fn member<'d>(datatype: &'d Datatype, name: &str) -> Result<(usize, &'d Datatype), String> {
    let Datatype::Compound { size, fields } = datatype else {
        return Err("not a table of records".into());
    };
    let CompoundField {
        byte_offset, datatype, ..
    } = fields
        .iter()
        .find(|field| field.name == name)
        .ok_or_else(|| format!("its records have no \"{name}\""))?;
    let offset = *byte_offset as usize;
    let length = dtype_element_size(datatype).map_err(|error| error.to_string())?;
    match offset.checked_add(length) {
        Some(end) if end <= *size as usize => Ok((offset, datatype)),
        _ => Err(format!("\"{name}\" reaches past the end of its record")),
    }
}

/// The offset of member `name`, a sequence of variable length of `T`.
pub(super) fn sequence<T: Number>(datatype: &Datatype, name: &str) -> Result<usize, String> {
    match member(datatype, name)? {
        (
            offset,
            Datatype::VarLen {
                base,
                kind: VarLenKind::Sequence,
                ..
            },
        ) if T::declared_as(base) => Ok(offset),
        (_, other) => Err(format!("\"{name}\" is {other:?}")),
    }
}
