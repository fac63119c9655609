//! Gadgets on single readouts, before they are sorted into k-space.

pub mod accumulate_trigger;
pub mod asymmetric_echo;
pub mod coil_reduction;
pub mod dependency_query;
pub mod dump;
pub mod noise_adjust;
pub mod noise_summary;
pub mod pca_coil;
mod principal;
pub mod remove_oversampling;
pub(crate) mod reversed;
pub mod sfndam;
mod whitening;

use crate::registry::Entry;

/// The classes of this folder.
pub(crate) static ENTRIES: &[Entry] = &[
    Entry::gadget::<noise_adjust::NoiseAdjust>(
        "NoiseAdjustGadget",
        "Whitens readouts with the covariance of the receivers' noise.",
    ),
    Entry::gadget::<noise_summary::NoiseSummary>("NoiseSummaryGadget", "Answers what is known of a stored noise scan."),
    Entry::gadget::<dependency_query::DependencyQueries>(
        "DependencyQueryGadget",
        "Answers which noise scans are stored.",
    ),
    Entry::gadget::<pca_coil::PcaCoil>("PCACoilGadget", "Transforms coils into their principal components."),
    Entry::gadget::<dump::IsmrmrdDump>("IsmrmrdDumpGadget", "Writes raw data to a file."),
    Entry::gadget::<asymmetric_echo::AsymmetricEcho>(
        "AsymmetricEchoAdjustROGadget",
        "Pads readouts with an asymmetric echo until the echo is in the middle.",
    ),
    Entry::gadget::<remove_oversampling::RemoveOversampling>(
        "RemoveROOversamplingGadget",
        "Cuts readouts to the field of view to reconstruct.",
    ),
    Entry::gadget::<coil_reduction::CoilReduction>("CoilReductionGadget", "Keeps some of the coils."),
    Entry::gadget::<accumulate_trigger::AccumulateTrigger>(
        "AcquisitionAccumulateTriggerGadget",
        "Gathers readouts in buckets until a counter changes.",
    ),
];
