//! Fewer coils: a mask, or the first so many.
//!
//! [`Acquisition`] to [`Acquisition`]. Answers to Gadgetron's `CoilReductionGadget`, which adds empty channels when the
//! mask has more ones than the readout channels, and reads beyond the mask when it is shorter; here the channels that are
//! there and wanted remain.

use engine::{BoxError, Gadget, Input, Output};
use ndarray::Array2;
use protocol::Acquisition;

use crate::{Context, registry::Configured};

crate::properties! {
    /// Properties of [`CoilReduction`].
    pub struct CoilReductionProperties {
        /// Which coils to keep: 0 or 1 for each, separated by spaces or commas. Empty: the first `coils_out`.
        "coil_mask" => pub coil_mask: String = String::new(),
        /// How many coils to keep when there is no mask.
        "coils_out" => pub coils_out: i32 = 128,
    }
}

/// Keeps some of the coils.
#[derive(Debug)]
pub struct CoilReduction {
    keep: Keep,
}

#[derive(Debug)]
enum Keep {
    First(usize),
    /// Channels in ascending order.
    These(Vec<usize>),
}

impl Configured for CoilReduction {
    type Properties = CoilReductionProperties;

    fn new(properties: CoilReductionProperties, _: &Context) -> Result<Self, BoxError> {
        let CoilReductionProperties { coil_mask, coils_out } = properties;
        let words = coil_mask
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|w| !w.is_empty());
        let mut mask = Vec::new();
        for word in words {
            let value: i32 = word
                .parse()
                .map_err(|_| format!("coil_mask: expected 0 or 1, found \"{word}\""))?;
            mask.push(value > 0);
        }
        let keep = if mask.is_empty() {
            Keep::First(usize::try_from(coils_out).unwrap_or(0))
        } else {
            Keep::These(
                mask.iter()
                    .enumerate()
                    .filter(|(_, kept)| **kept)
                    .map(|(c, _)| c)
                    .collect(),
            )
        };
        match &keep {
            Keep::First(0) => Err(format!("coils_out: at least 1, found {coils_out}").into()),
            Keep::These(channels) if channels.is_empty() => Err("coil_mask: keeps no coil".into()),
            _ => Ok(Self { keep }),
        }
    }
}

impl Gadget for CoilReduction {
    type In = Acquisition;
    type Out = Acquisition;

    async fn run(self, mut input: Input<Acquisition>, mut output: Output<Acquisition>) -> Result<(), BoxError> {
        while let Some(mut acquisition) = input.next().await? {
            self.keep.reduce(&mut acquisition);
            output.send(acquisition).await?;
        }
        Ok(())
    }
}

impl Keep {
    fn reduce(&self, acquisition: &mut Acquisition) {
        let (channels, samples) = acquisition.data.dim();
        let kept: Vec<usize> = match self {
            Self::First(count) => (0..channels.min(*count)).collect(),
            Self::These(kept) => kept.iter().copied().take_while(|channel| *channel < channels).collect(),
        };
        if kept.len() == channels {
            return;
        }
        let mut data = Vec::with_capacity(kept.len() * samples);
        for channel in &kept {
            data.extend(acquisition.data.row(*channel));
        }
        // Never more channels than there were, which is a u16.
        acquisition.header.active_channels = kept.len() as u16;
        acquisition.data =
            Array2::from_shape_vec((kept.len(), samples), data).expect("one row for each channel that is kept");
    }
}

#[cfg(test)]
mod tests {
    use protocol::{Complex32, IsmrmrdHeader};

    use super::*;
    use crate::testing::{build, outputs, readout};

    fn kept(properties: &[(&str, &str)]) -> Vec<f32> {
        let gadget: CoilReduction = build(properties, &Context::new(IsmrmrdHeader::default())).unwrap();
        let acquisition = readout(5, 3, |c, _| Complex32::from(c as f32));
        let result = outputs(gadget, vec![acquisition]).remove(0);
        assert_eq!(usize::from(result.header.active_channels), result.data.nrows());
        result.data.column(2).iter().map(|z| z.re).collect()
    }

    #[test]
    fn keeps_the_first_or_those_of_the_mask() {
        assert_eq!(kept(&[]), [0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(kept(&[("coils_out", "2")]), [0.0, 1.0]);
        assert_eq!(kept(&[("coil_mask", "0 1 0 1"), ("coils_out", "1")]), [1.0, 3.0]);
        assert_eq!(kept(&[("coil_mask", "1,0,0,0,1,1,1")]), [0.0, 4.0]);
    }

    #[test]
    fn a_mask_that_keeps_nothing_or_says_nothing_is_an_error() {
        let context = Context::new(IsmrmrdHeader::default());
        for (name, value, words) in [
            ("coils_out", "0", "coils_out: at least 1, found 0"),
            ("coil_mask", "0 0", "coil_mask: keeps no coil"),
            ("coil_mask", "1 x", "coil_mask: expected 0 or 1, found \"x\""),
        ] {
            let error = build::<CoilReduction>(&[(name, value)], &context).unwrap_err();
            assert_eq!(error.to_string(), words);
        }
    }
}
