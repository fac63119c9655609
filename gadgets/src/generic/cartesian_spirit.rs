//! SPIRiT reconstruction of Cartesian data, in two dimensions or three.
//!
//! [`ReconData`](protocol::ReconData) to [`ImageArray`]; class `GenericReconCartesianSpiritGadget`.
//!
//! Differences from the original: every slice is reconstructed with its own kernel. The original takes the first slice's
//! for all, though the virtual channels it was fitted to are each slice's own: of two slices of a brain the second is off
//! by half, while its own GRAPPA and this agree to half a percent. The three-dimensional kernel has the scale it was fitted
//! with. A single coil gives an image.

use engine::{BoxError, Gadget, Input, Output};
use protocol::{BufferedData, ImageArray};

use super::{
    cartesian_fft::combine,
    coil_reference,
    coil_reference::{Reference, unlike},
    encodings::EncodingFacts,
    places::Places,
    reconstruction::{NotCalibrated, Setting, Space},
    roles::Role,
    snr::Undersampling,
    work,
};
use crate::{
    Context,
    flow::ReconDataWithWaveforms,
    numerics::{
        frames::{Dims, Frames},
        kernel::Kernel,
        spirit::{self, Calibration, Stopping},
    },
    registry::Configured,
    room::NoRoom,
};

crate::properties! {
    /// Properties of [`CartesianSpirit`].
    pub struct CartesianSpiritProperties {
        /// Number of the series before the first.
        "image_series" => pub image_series: i32 = 0,
        /// How coil maps are made: Inati or Inati_Iter.
        "coil_map_algorithm" => pub algorithm: String = "Inati".into(),
        /// Pixels of a coil map's neighbourhood along readout and E1.
        "coil_map_kernel_size_readout" => pub in_plane: usize = 7, in 0..=63,
        /// Pixels of a coil map's neighbourhood along E2.
        "coil_map_kernel_size_phase" => pub through: usize = 5, in 0..=63,
        /// Iterations of Inati_Iter at most.
        "coil_map_num_iter" => pub coil_map_iterations: usize = 10, in 0..=10_000,
        /// Relative change at which Inati_Iter stops.
        "coil_map_thres_iter" => pub coil_map_tolerance: f32 = 1e-4, in 0.0..=1e6,
        /// Kernel points along the readout.
        "spirit_kSize_RO" => pub kernel_ro: usize = 7, in 0..=31,
        /// Kernel points along E1.
        "spirit_kSize_E1" => pub kernel_e1: usize = 7, in 0..=31,
        /// Kernel points along E2.
        "spirit_kSize_E2" => pub kernel_e2: usize = 5, in 0..=31,
        /// Regularisation of the calibration; 0: 0.005, and 0.01 with acceleration along E2.
        "spirit_reg_lamda" => pub lambda: f64 = 0.0,
        /// Equations for each unknown at most, in three dimensions.
        "spirit_calib_over_determine_ratio" => pub over_determination: f64 = 45.0, in 0.0..=1e6,
        /// Iterations at most; 0: 50 to 150, by the acceleration.
        "spirit_iter_max" => pub iterations: usize = 0, in 0..=10_000,
        /// Relative accuracy at which to stop; 0: 0.0015.
        "spirit_iter_thres" => pub tolerance: f64 = 0.0, in 0.0..=1e6,
        /// Accepted for old configurations.
        "spirit_print_iter" => pub print: bool = false,
    }
}

/// Class `GenericReconCartesianSpiritGadget`.
#[derive(Debug)]
pub struct CartesianSpirit {
    properties: CartesianSpiritProperties,
    setting: Setting,
    calibrated: Vec<Option<Calibrated>>,
}

/// What the last calibration data of an encoding space gave.
#[derive(Debug)]
struct Calibrated {
    places: Places,
    dims: Dims,
    maps: Frames,
    /// One for each frame of the calibration data; none without acceleration.
    kernels: Vec<Kernel>,
}

impl Configured for CartesianSpirit {
    type Properties = CartesianSpiritProperties;
    fn new(p: Self::Properties, context: &Context) -> Result<Self, BoxError> {
        let (iterations, tolerance) = (p.coil_map_iterations, p.coil_map_tolerance);
        let method = coil_reference::method(&p.algorithm, p.in_plane, p.through, iterations, tolerance)?;
        let setting = Setting::new(&context.header, p.image_series, method);
        Ok(Self {
            calibrated: setting.for_each_space(),
            setting,
            properties: p,
        })
    }
}

impl Gadget for CartesianSpirit {
    type In = ReconDataWithWaveforms;
    type Out = ImageArray;
    async fn run(self, input: Input<Self::In>, output: Output<Self::Out>) -> Result<(), BoxError> {
        work::each(self, input, output, |gadget, message| gadget.reconstruct(message)).await
    }
}

impl CartesianSpirit {
    fn reconstruct(&mut self, message: ReconDataWithWaveforms) -> Result<Vec<ImageArray>, BoxError> {
        let mut arrays = Vec::new();
        for space in self.setting.spaces(message.data) {
            let mut space = space?;
            let number = space.number;
            if let Some(reference) = space.reference.take() {
                self.calibrated[number] = Some(self.calibrate(&reference, &space)?);
            }
            let calibrated = self.calibrated[number].as_ref().ok_or(NotCalibrated(number))?;
            let maps = calibrated.maps.dims;
            if maps.extent != space.dims.extent || maps.cha != space.dims.cha {
                return Err(unlike(maps, space.dims).into());
            }
            let mut data = space.samples()?;
            let undersampling = Undersampling::of(&data, space.buffer.sampling.sampling_limits[0]);
            let of_data = Places::of(&space.buffer.headers);
            let serving = calibrated.places.serving(calibrated.dims, &of_data, space.dims);
            self.to_coil_images(&mut data, calibrated, &serving, &space.facts)?;
            let mut images = combine(&data, &calibrated.maps, &serving);
            if undersampling.acceleration > 1.0 {
                images.data.iter_mut().for_each(|pixel| *pixel *= undersampling.scale);
            }
            let array = self.setting.described(images, &space, &message.waveforms);
            arrays.push(self.setting.announced(array, &space, [1, 1], Role::Image));
        }
        Ok(arrays)
    }

    fn to_coil_images(
        &self,
        data: &mut Frames,
        calibrated: &Calibrated,
        serving: &[usize],
        facts: &EncodingFacts,
    ) -> Result<(), NoRoom> {
        let dims = data.dims;
        if calibrated.kernels.is_empty() {
            dims.extent.to_image(&mut data.data);
            return Ok(());
        }
        let stopping = self.stopping(facts.total_acceleration());
        for (frame, &serving) in serving.iter().enumerate() {
            let kernel = &calibrated.kernels[serving];
            spirit::reconstruct(data.frame_mut(frame), kernel, dims.extent, stopping)?;
        }
        Ok(())
    }

    fn calibrate(&self, reference: &BufferedData, space: &Space) -> Result<Calibrated, BoxError> {
        let (recon, facts) = (space.dims.extent, &space.facts);
        let places = Places::of(&reference.headers);
        let reference = Reference::of(reference, space.dims)?;
        let calibration = reference.samples();
        let dims = calibration.dims;
        let maps = reference.maps(dims.cha, facts.mode, recon, self.setting.method)?;
        let p = &self.properties;
        let flat = recon.e2 <= 1;
        let fit = Calibration {
            kernel: [p.kernel_ro, p.kernel_e1, if flat { 1 } else { p.kernel_e2 }],
            lambda: match p.lambda {
                lambda if lambda > f64::from(f32::EPSILON) => lambda,
                _ if facts.acceleration[1] > 1 => 0.01,
                _ => 0.005,
            },
            over_determination: if flat { 0.0 } else { p.over_determination },
        };
        let kernels = match facts.total_acceleration() {
            1 => Vec::new(),
            _ => (0..dims.frames())
                .map(|frame| fit.fit(calibration.frame(frame), dims.extent))
                .collect::<Result<_, _>>()?,
        };
        Ok(Calibrated {
            places,
            dims,
            maps,
            kernels,
        })
    }

    fn stopping(&self, acceleration: usize) -> Stopping {
        let p = &self.properties;
        Stopping {
            iterations: match (p.iterations, acceleration) {
                (0, 6..) => 150,
                (0, 5) => 120,
                (0, 4) => 100,
                (0, 3) => 60,
                (0, _) => 50,
                (iterations, _) => iterations,
            },
            tolerance: if p.tolerance > f64::from(f32::EPSILON) {
                p.tolerance
            } else {
                0.0015
            },
        }
    }
}
