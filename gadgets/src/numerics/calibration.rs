//! The equations that calibration data give: which lines can be used, and their gathering.

use std::ops::Range;

use num_complex::{Complex32, Complex64};
use rayon::prelude::*;

use super::{
    frames::Extent,
    linear::{NormalEquations, Unsolvable},
};
use crate::room::{self, NoRoom};

/// Rows gathered before they are multiplied: large enough for the matrix product, small enough for the cache.
const ROWS: usize = 1024;

/// Why calibration data give no kernel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalibrationError {
    /// Fewer samples than the kernel spans.
    #[error(
        "too few calibration data: {found} samples along {direction}, the kernel needs {needed}; are there calibration \
         lines in the data?"
    )]
    TooSmall {
        /// "readout", "E1" or "E2".
        direction: &'static str,
        /// Samples there are.
        found: usize,
        /// Samples the kernel spans.
        needed: usize,
    },
    /// Enough samples, but nowhere all that the kernel takes.
    #[error(
        "the calibration data are undersampled themselves: nowhere are all lines measured that the kernel takes; are \
         there calibration lines in the data?"
    )]
    Undersampled,
    /// Nothing to tell folded pixels apart by.
    #[error("one channel cannot tell apart the pixels that acceleration lays on each other")]
    OneChannel,
    /// A kernel for which there is no memory.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// Zero, or not finite.
    #[error(transparent)]
    Unsolvable(#[from] Unsolvable),
}

impl CalibrationError {
    /// Whether there are too few lines along E1, and nothing else is wrong.
    pub fn lacks_lines(&self) -> bool {
        matches!(self, Self::TooSmall { direction, .. } if *direction == DIRECTIONS[1])
    }
}

/// The names of the directions.
const DIRECTIONS: [&str; 3] = ["readout", "E1", "E2"];

/// Whether a kernel of so many `points` along readout, E1 and E2, which are so far `apart`, fits into `region` at all, and
/// its equations into memory; and how many shares of the equations fit at a time. `channels` are those it takes and those
/// it makes. Asked before anything is made of it: properties and headers can say any number.
pub(crate) fn kernel_fits(
    region: &[Range<usize>; 3],
    points: [usize; 3],
    apart: [usize; 3],
    channels: [usize; 2],
) -> Result<usize, CalibrationError> {
    for (d, direction) in DIRECTIONS.into_iter().enumerate() {
        let span = (points[d].max(1) - 1).saturating_mul(apart[d]).saturating_add(1);
        let needed = span.max(apart[d]);
        if needed > region[d].len() {
            return Err(CalibrationError::TooSmall {
                direction,
                found: region[d].len(),
                needed,
            });
        }
    }
    let [p0, p1, p2] = points.map(|points| points.max(1));
    let [src, dst] = channels;
    let unknowns = room::elements::<Complex64>("a kernel", &[src, p2, p1, p0 | 1])?;
    let [r0, r1, r2] = apart;
    let sides = room::elements::<Complex32>("the right hand sides of a kernel", &[dst, r2, r1, r0])?;
    let (matrix, right) = ([unknowns, unknowns], [unknowns, sides]);
    // While it is solved: the equations, a copy, its factors and the solution; then the kernel's values.
    let solving = [
        room::bytes_of::<[Complex64; 3]>(&matrix),
        room::bytes_of::<[Complex64; 3]>(&right),
        room::bytes_of::<Complex32>(&[unknowns, dst, r2, r1, r0]),
    ];
    room::together("the equations of a kernel", &solving)?;
    // While it is gathered, for each share: both sides, the sums of a block of them, and the block.
    let rows = ROWS.max(region[0].len());
    let gathering = [
        room::bytes_of::<(Complex64, Complex32)>(&matrix),
        room::bytes_of::<(Complex64, Complex32)>(&right),
        room::bytes_of::<Complex32>(&[rows, unknowns.saturating_add(sides)]),
    ];
    let share = gathering.iter().fold(0, |sum: usize, bytes| sum.saturating_add(*bytes));
    let shares = room::pieces("the equations of a kernel", share, rayon::current_num_threads())?;
    Ok(shares)
}

/// The positions a kernel can be attached to: everything it takes lies within the calibration region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lines {
    /// Readout positions.
    pub(crate) readout: Range<usize>,
    /// E2 and E1 of the lines.
    lines: Vec<[usize; 2]>,
}

impl Lines {
    /// Positions within `region` for a kernel that reaches from the first to the last offset of `reach` (readout, E1, E2).
    pub(crate) fn within(region: &[Range<usize>; 3], reach: [(i32, i32); 3]) -> Result<Self, CalibrationError> {
        let usable = |d: usize| {
            let (before, after) = (reach[d].0.unsigned_abs() as usize, reach[d].1.max(0) as usize);
            let (start, end) = (region[d].start + before, region[d].end.saturating_sub(after));
            match start < end {
                true => Ok(start..end),
                false => Err(CalibrationError::TooSmall {
                    direction: DIRECTIONS[d],
                    found: region[d].len(),
                    needed: before + after + 1,
                }),
            }
        };
        let (readout, e1, e2) = (usable(0)?, usable(1)?, usable(2)?);
        Ok(Self {
            readout,
            lines: e2.flat_map(|z| e1.clone().map(move |y| [z, y])).collect(),
        })
    }

    /// Only the positions for which all lines at these offsets (E2, E1) were measured: hold anything but zeros in any
    /// channel of `data`.
    ///
    /// The original takes the zeros of a line that is missing for its signal.
    pub(crate) fn measured(
        mut self,
        data: &[Complex32],
        extent: Extent,
        offsets: impl Iterator<Item = [i32; 2]>,
    ) -> Result<Self, CalibrationError> {
        let missing: Vec<bool> = (0..extent.e1 * extent.e2)
            .map(|line| {
                let mut channels = data.chunks_exact(extent.volume().max(1));
                channels.all(|channel| {
                    let line = &channel[line * extent.ro..][..extent.ro];
                    line.iter().all(|sample| *sample == Complex32::ZERO)
                })
            })
            .collect();
        if missing.contains(&true) {
            let offsets: Vec<[i32; 2]> = offsets.collect();
            self.lines.retain(|&line| {
                let mut taken = offsets
                    .iter()
                    .map(|&offset| line_start(extent, line, offset) / extent.ro);
                taken.all(|line| !missing[line])
            });
        }
        match self.lines.is_empty() {
            true => Err(CalibrationError::Undersampled),
            false => Ok(self),
        }
    }

    /// Fewer readout positions, where `ratio` is above 1 and there are more than `ratio` equations for each unknown: those
    /// about the maximum of the sum over all lines of the first channel that is not silent.
    pub(crate) fn limited(mut self, data: &[Complex32], extent: Extent, unknowns: usize, ratio: f64) -> Self {
        if ratio <= 1.0 {
            return self;
        }
        let rows = (ratio * unknowns as f64).ceil() as usize;
        let columns = (rows / self.lines.len()).max(1);
        if columns >= self.readout.len() {
            return self;
        }
        let mut channels = data.chunks_exact(extent.volume());
        let first = channels.find(|channel| channel.iter().any(|sample| *sample != Complex32::ZERO));
        let mut sums = vec![Complex32::ZERO; extent.ro];
        for line in first.unwrap_or_default().chunks_exact(extent.ro) {
            sums.iter_mut().zip(line).for_each(|(sum, value)| *sum += value);
        }
        let energies = sums.iter().map(Complex32::norm_sqr).enumerate();
        let peak = energies
            .max_by(|a, b| a.1.total_cmp(&b.1))
            .map_or(0, |(index, _)| index);
        let start = peak
            .saturating_sub(columns / 2)
            .clamp(self.readout.start, self.readout.end - 1);
        self.readout = start..(start + columns).min(self.readout.end);
        self
    }

    /// The equations of all positions, gathered in so many `shares` at a time. For each line (E2, E1) `fill` pushes the
    /// columns of both sides, a value for each readout position.
    pub(crate) fn gather(
        &self,
        shares: usize,
        empty: impl Fn() -> NormalEquations + Sync,
        fill: impl Fn([usize; 2], &mut Columns, &mut Columns) + Sync,
    ) -> NormalEquations {
        let length = self.readout.len();
        let per_block = (ROWS / length).max(1);
        let share = self.lines.len().div_ceil(shares).next_multiple_of(per_block);
        // Shares in a fixed order: the sums do not depend on which thread was faster.
        let parts: Vec<NormalEquations> = self
            .lines
            .par_chunks(share)
            .map(|lines| {
                let mut equations = empty();
                let (mut a, mut b) = (Columns::default(), Columns::default());
                for block in lines.chunks(per_block) {
                    let rows = block.len() * length;
                    a.begin(rows);
                    b.begin(rows);
                    for (index, &line) in block.iter().enumerate() {
                        a.seek(index * length);
                        b.seek(index * length);
                        fill(line, &mut a, &mut b);
                    }
                    equations.add(&a.values, &b.values, rows);
                }
                equations
            })
            .collect();
        let mut parts = parts.into_iter();
        let first = parts.next().unwrap_or_else(&empty);
        parts.fold(first, |sum, part| sum.merge(&part))
    }
}

/// Columns of a block of equations; each line of data fills some rows of all of them.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    values: Vec<Complex32>,
    rows: usize,
    row: usize,
    column: usize,
}

impl Columns {
    fn begin(&mut self, rows: usize) {
        if self.rows != rows {
            self.values.clear();
        }
        self.rows = rows;
    }

    fn seek(&mut self, row: usize) {
        (self.row, self.column) = (row, 0);
    }

    /// The next column's values in these rows.
    pub(crate) fn push(&mut self, values: &[Complex32]) {
        let start = self.column * self.rows + self.row;
        if self.values.len() < (self.column + 1) * self.rows {
            self.values.resize((self.column + 1) * self.rows, Complex32::ZERO);
        }
        self.values[start..][..values.len()].copy_from_slice(values);
        self.column += 1;
    }
}

/// Index of the first sample of the line at `offset` (E2, E1) from `line`.
pub(crate) fn line_start(extent: Extent, line: [usize; 2], offset: [i32; 2]) -> usize {
    let [z, y] = [0, 1].map(|d| line[d].strict_add_signed(offset[d] as isize));
    (z * extent.e1 + y) * extent.ro
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_no_memory_for_is_an_error_before_anything_is_made() {
        let region = [0..256, 0..65_535, 0..256];
        let fits = |points: [usize; 3], apart: [usize; 3], channels: [usize; 2]| {
            kernel_fits(&region, points, apart, channels).map_err(|error| error.to_string())
        };
        assert_eq!(fits([5, 4, 4], [1, 2, 2], [8, 8]), Ok(rayon::current_num_threads()));
        // The matrix fits, the right hand sides do not; the matrix fits once, but not while it is solved.
        for (points, apart, channels) in [
            ([1, 1, 1], [1, 60_000, 1], [1024, 1024]),
            ([7, 7, 5], [1, 1, 1], [124, 124]),
        ] {
            let words = fits(points, apart, channels).unwrap_err();
            assert!(
                words.starts_with("no memory for the equations of a kernel; "),
                "{words}"
            );
        }
    }
}
