//! Fixed-size little-endian records: declared once, read and written in the declared order.

/// A value of fixed size on the wire.
pub(crate) trait Wire: Sized {
    /// Bytes on the wire.
    const SIZE: usize;
    /// Reads it from the start of `bytes`, which holds at least [`Wire::SIZE`] bytes, and moves `bytes` on.
    fn read(bytes: &mut &[u8]) -> Self;
    /// Appends it to `out`.
    fn write(&self, out: &mut Vec<u8>);
}

macro_rules! wire_number {
    ($($number:ty),*) => {$(
        impl Wire for $number {
            const SIZE: usize = size_of::<$number>();
            fn read(bytes: &mut &[u8]) -> Self {
                let (head, tail) = bytes.split_first_chunk().expect("the caller checked the size");
                *bytes = tail;
                <$number>::from_le_bytes(*head)
            }
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )*};
}
wire_number!(u8, u16, u32, u64, i16, i32, i64, f32, f64);

impl<T: Wire + Copy + Default, const N: usize> Wire for [T; N] {
    const SIZE: usize = T::SIZE * N;
    fn read(bytes: &mut &[u8]) -> Self {
        let mut values = [T::default(); N];
        for value in &mut values {
            *value = T::read(bytes);
        }
        values
    }
    fn write(&self, out: &mut Vec<u8>) {
        for value in self {
            value.write(out);
        }
    }
}

/// Declares a record and its wire layout: the fields in order, without padding unless a field says so.
macro_rules! wire_record {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        $visibility struct $name { $($(#[$field_meta])* pub $field: $type,)* }

        impl $crate::wire::Wire for $name {
            const SIZE: usize = 0 $(+ <$type as $crate::wire::Wire>::SIZE)*;
            fn read(bytes: &mut &[u8]) -> Self {
                Self { $($field: <$type as $crate::wire::Wire>::read(bytes),)* }
            }
            fn write(&self, out: &mut Vec<u8>) {
                $($crate::wire::Wire::write(&self.$field, out);)*
            }
        }
    };
}
pub(crate) use wire_record;
