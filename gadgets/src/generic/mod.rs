//! The generic Cartesian chain: from sorted k-space to image arrays, and what is done to those.

mod averaging;
pub mod cartesian_fft;
pub mod cartesian_grappa;
pub mod cartesian_spirit;
mod coil_reference;
pub mod denoise;
mod describe;
pub mod eigen_channel;
pub mod encodings;
pub mod fov_adjustment;
pub mod image_array_scaling;
pub mod kspace_filtering;
mod limits;
pub mod noise_std_map;
pub mod partial_fourier_filter;
pub mod partial_fourier_pocs;
mod places;
mod reconstruction;
pub mod reference_prep;
mod roles;
mod snr;
mod streams;
mod work;

use crate::registry::Entry;

/// The classes of this folder.
pub(crate) static ENTRIES: &[Entry] = &[
    Entry::gadget::<reference_prep::ReferencePrep>(
        "GenericReconCartesianReferencePrepGadget",
        "Averages and crops the calibration data; without any, takes them from the data.",
    ),
    Entry::gadget::<eigen_channel::EigenChannel>(
        "GenericReconEigenChannelGadget",
        "Turns coils into virtual channels, strongest first.",
    ),
    Entry::gadget::<cartesian_fft::CartesianFft>(
        "GenericReconCartesianFFTGadget",
        "Fourier transform and coil combination.",
    ),
    Entry::gadget::<cartesian_grappa::CartesianGrappa>(
        "GenericReconCartesianGrappaGadget",
        "GRAPPA in two and three dimensions, with maps of g-factor and SNR.",
    ),
    Entry::gadget::<cartesian_spirit::CartesianSpirit>(
        "GenericReconCartesianSpiritGadget",
        "SPIRiT in two and three dimensions.",
    ),
    Entry::pure::<partial_fourier_filter::PartialFourierFilter>(
        "GenericReconPartialFourierHandlingFilterGadget",
        "Tapers k-space where partial Fourier sampling cut it.",
    ),
    Entry::pure::<partial_fourier_pocs::PartialFourierPocs>(
        "GenericReconPartialFourierHandlingPOCSGadget",
        "Estimates what partial Fourier sampling left out of k-space.",
    ),
    Entry::pure::<denoise::Denoise>("DenoiseGadget", "Non-local means and non-local Bayes."),
    Entry::pure::<kspace_filtering::KSpaceFiltering>(
        "GenericReconKSpaceFilteringGadget",
        "Filters k-space along readout, E1 and E2.",
    ),
    Entry::pure::<fov_adjustment::FieldOfViewAdjustment>(
        "GenericReconFieldOfViewAdjustmentGadget",
        "Interpolates and crops images to the matrix to reconstruct.",
    ),
    Entry::gadget::<noise_std_map::NoiseStdMap>(
        "GenericReconNoiseStdMapComputingGadget",
        "Standard deviation of SNR maps over repetitions.",
    ),
    Entry::gadget::<image_array_scaling::ImageArrayScaling>(
        "GenericReconImageArrayScalingGadget",
        "Scales image arrays, each role by its own factor.",
    ),
];
