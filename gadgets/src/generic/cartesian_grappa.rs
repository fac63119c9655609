//! GRAPPA reconstruction of Cartesian data, in two dimensions or three, with maps of g-factor and SNR.
//!
//! [`ReconData`](protocol::ReconData) to [`ImageArray`]; class `GenericReconCartesianGrappaGadget`. Without acceleration it
//! is a Fourier transform with coil combination. Series: `image_series` + 20 g-factor, + 300 SNR map, + 1 image (first
//! encoding space; ten, a hundred and one more for each further one), sent in this order.
//!
//! Differences from the original: a single coil gives an image, not zeros. A silent coil does not end the list of channels
//! to reconstruct, and a channel that is weak in the first slice stays in it where another slice has its signal from it. In
//! three dimensions the lines that only one of the two accelerations leaves out are filled in without downstream compression
//! too. Maps have as many N and S as the calibration data, in headers too. Data that are reconstructed with earlier
//! calibration data have SNR maps as well. Calibration lines that are missing are left out of the fit (there their zeros are
//! taken for signal); calibration data that are undersampled themselves, and accelerated data of one channel, are errors.
//!
//! The original sums the equations of its kernels in single precision, which is off by about a ten-thousandth where the
//! calibration data hardly determine the kernel: in one to two of a hundred pixels of a g-factor map its whole numbers are
//! one higher or lower than ours, in one of ten of an SNR map one or two. The order of its sums is that of OpenBLAS for the
//! processor at hand; from one processor to another its own maps differ by as much as from ours.
//!
//! Parameters of the command line (`--parameter gfactor=FILE`) name files for what is made on the way: `recon_header`,
//! `coil_map`, `gfactor`, `reconed_images`, `waveform`.

use std::sync::Arc;

use engine::{BoxError, Gadget, Input, Output};
use num_complex::Complex32;
use protocol::{BufferedData, ImageArray, IsmrmrdHeader};
use rayon::prelude::*;

use super::{
    coil_reference,
    coil_reference::{Reference, unlike},
    describe,
    encodings::{CalibrationMode, EncodingFacts},
    places::Places,
    reconstruction::{NotCalibrated, Setting, Space},
    roles::Role,
    snr::Undersampling,
    streams::{self, Streams},
    work,
};
use crate::{
    Context,
    flow::ReconDataWithWaveforms,
    numerics::{
        frames::{Dims, Frames, FramesView},
        grappa::{self, Calibration, Unmixing},
    },
    registry::Configured,
};

crate::properties! {
    /// Properties of [`CartesianGrappa`].
    pub struct CartesianGrappaProperties {
        /// Number of the series before the first.
        "image_series" => pub image_series: i32 = 0,
        /// How coil maps are made: Inati or Inati_Iter.
        "coil_map_algorithm" => pub algorithm: String = "Inati".into(),
        /// Pixels of a coil map's neighbourhood along readout and E1.
        "coil_map_kernel_size_readout" => pub in_plane: usize = 7, in 0..=63,
        /// Pixels of a coil map's neighbourhood along E2.
        "coil_map_kernel_size_phase" => pub through: usize = 5, in 0..=63,
        /// Iterations of Inati_Iter at most.
        "coil_map_num_iter" => pub iterations: usize = 10, in 0..=10_000,
        /// Relative change at which Inati_Iter stops.
        "coil_map_thres_iter" => pub tolerance: f32 = 1e-4, in 0.0..=1e6,
        /// Whether to send maps of the g-factor.
        "send_out_gfactor" => pub send_gfactor: bool = false,
        /// Whether to send maps of the SNR.
        "send_out_snr_map" => pub send_snr: bool = false,
        /// Kernel points along the readout.
        "grappa_kSize_RO" => pub kernel_ro: usize = 5, in 0..=31,
        /// Kernel points along E1.
        "grappa_kSize_E1" => pub kernel_e1: usize = 4, in 0..=31,
        /// Kernel points along E2.
        "grappa_kSize_E2" => pub kernel_e2: usize = 4, in 0..=31,
        /// Regularisation of the calibration.
        "grappa_reg_lamda" => pub lambda: f64 = 5e-4,
        /// Equations for each unknown at most, in three dimensions.
        "grappa_calib_over_determine_ratio" => pub over_determination: f64 = 45.0, in 0.0..=1e6,
        /// Whether to reconstruct fewer channels than were measured.
        "downstream_coil_compression" => pub compression: bool = true,
        /// Channels that carry less energy than this part of the first one's are not reconstructed.
        "downstream_coil_compression_thres" => pub threshold: f64 = 0.002,
        /// Number of channels to reconstruct; the threshold decides when 0.
        "downstream_coil_compression_num_modesKept" => pub kept: usize = 0,
    }
}

/// Class `GenericReconCartesianGrappaGadget`.
#[derive(Debug)]
pub struct CartesianGrappa {
    properties: CartesianGrappaProperties,
    setting: Setting,
    /// What the last calibration data of each encoding space gave.
    calibrated: Vec<Option<Calibrated>>,
    header: Arc<IsmrmrdHeader>,
    streams: Streams,
}

/// What calibration data give.
#[derive(Debug)]
struct Calibrated {
    places: Places,
    coefficients: Frames,
    /// With acceleration.
    gfactor: Option<Frames>,
}

impl Calibrated {
    /// For every frame of the data, the frame of coefficients that serves it.
    fn serving(&self, space: &Space) -> Vec<usize> {
        let of_data = Places::of(&space.buffer.headers);
        self.places.serving(self.coefficients.dims, &of_data, space.dims)
    }
}

impl Configured for CartesianGrappa {
    type Properties = CartesianGrappaProperties;
    fn new(p: Self::Properties, context: &Context) -> Result<Self, BoxError> {
        let method = coil_reference::method(&p.algorithm, p.in_plane, p.through, p.iterations, p.tolerance)?;
        let setting = Setting::new(&context.header, p.image_series, method);
        Ok(Self {
            calibrated: setting.for_each_space(),
            header: context.header.clone(),
            streams: Streams::new(context),
            setting,
            properties: p,
        })
    }
}

impl Gadget for CartesianGrappa {
    type In = ReconDataWithWaveforms;
    type Out = ImageArray;
    async fn run(self, input: Input<Self::In>, output: Output<Self::Out>) -> Result<(), BoxError> {
        work::each(self, input, output, |gadget, message| gadget.reconstruct(message)).await
    }
}

impl CartesianGrappa {
    fn reconstruct(&mut self, message: ReconDataWithWaveforms) -> Result<Vec<ImageArray>, BoxError> {
        let mut arrays = Vec::new();
        self.streams.header(&self.header)?;
        self.streams.waveforms(&message.waveforms)?;
        for space in self.setting.spaces(message.data) {
            let mut space = space?;
            let number = space.number;
            let (mut newly, mut maps) = (false, None);
            if let Some(reference) = space.reference.take() {
                let calibrated;
                (calibrated, maps) = self.calibrate(&reference, &space)?;
                self.calibrated[number] = Some(calibrated);
                newly = true;
            }
            let calibrated = self.calibrated[number].as_ref().ok_or(NotCalibrated(number))?;
            let serving = calibrated.serving(&space);
            let images = unwrap(&mut space, &calibrated.coefficients, &serving)?;
            let image = self.setting.described(images, &space, &message.waveforms);
            if let Some(maps) = maps {
                self.streams
                    .images(streams::COIL_MAP, &describe::with_pixels(&image, maps))?;
            }
            // The map of a calibration is sent once.
            let new_gfactor = calibrated.gfactor.as_ref().filter(|_| newly);
            if let Some(map) = new_gfactor.filter(|_| self.streams.wants(streams::GFACTOR)) {
                let map = describe::with_pixels(&image, map.clone());
                self.streams.real_images(streams::GFACTOR, &map)?;
            }
            self.streams.images(streams::IMAGES, &image)?;
            let mut send = |array, series, role| arrays.push(self.setting.announced(array, &space, series, role));
            if let Some(map) = new_gfactor.filter(|_| self.properties.send_gfactor) {
                send(describe::with_pixels(&image, map.clone()), [10, 2], Role::Gfactor);
            }
            if self.properties.send_snr
                && let Some(map) = snr_map(&image, calibrated.gfactor.as_ref(), &serving, &space.facts)?
            {
                let mut array = describe::with_pixels(&image, map);
                array.acquisition_headers = image.acquisition_headers.clone();
                send(array, [100, 3], Role::SnrMap);
            }
            send(image, [1, 1], Role::Image);
        }
        Ok(arrays)
    }

    /// Unmixing coefficients for every frame of the calibration data, and with acceleration the g-factor; coil maps where
    /// somebody wants to see them.
    fn calibrate(&self, reference: &BufferedData, space: &Space) -> Result<(Calibrated, Option<Frames>), BoxError> {
        let (recon, facts) = (space.dims.extent, &space.facts);
        let places = Places::of(&reference.headers);
        let reference = Reference::of(reference, space.dims)?;
        let calibration = reference.samples();
        let channels = self.channels_to_make(calibration);
        let maps = reference.maps(channels, facts.mode, recon, self.setting.method)?;
        let shown = self.streams.wants(streams::COIL_MAP).then(|| maps.clone());
        if facts.total_acceleration() == 1 {
            let mut coefficients = maps;
            coefficients.data.iter_mut().for_each(|map| *map = map.conj());
            let calibrated = Calibrated {
                places,
                coefficients,
                gfactor: None,
            };
            return Ok((calibrated, shown));
        }
        let flat = recon.e2 <= 1;
        let fit = Calibration {
            acceleration: [facts.acceleration[0], if flat { 1 } else { facts.acceleration[1] }],
            kernel: [
                self.properties.kernel_ro,
                self.properties.kernel_e1,
                if flat { 1 } else { self.properties.kernel_e2 },
            ],
            lambda: self.properties.lambda,
            over_determination: if flat { 0.0 } else { self.properties.over_determination },
            fit_measured: self.properties.compression,
        };
        let extent = calibration.dims.extent;
        let one = |frame: usize| -> Result<Unmixing, BoxError> {
            let source = calibration.frame(frame);
            let kernel = fit.fit(
                source,
                &source[..channels * extent.volume()],
                extent,
                extent.sizes().map(|size| 0..size),
            )?;
            Ok(grappa::unmixing(
                &kernel,
                maps.frame(frame),
                recon,
                facts.total_acceleration(),
            ))
        };
        let frames: Vec<Unmixing> = (0..calibration.dims.frames()).map(one).collect::<Result<_, _>>()?;
        let dims = Dims {
            extent: recon,
            ..calibration.dims
        };
        let mut coefficients = Vec::with_capacity(dims.len());
        let mut gfactor = Vec::new();
        for frame in &frames {
            coefficients.extend_from_slice(&frame.coefficients);
            gfactor.extend(frame.gfactor.iter().map(|g| Complex32::from(*g)));
        }
        let map = Frames {
            dims: Dims { cha: 1, ..dims },
            data: gfactor,
        };
        let calibrated = Calibrated {
            places,
            coefficients: Frames {
                dims,
                data: coefficients,
            },
            gfactor: Some(map),
        };
        Ok((calibrated, shown))
    }

    /// How many of the channels are reconstructed: up to the last that is strong enough in some frame.
    fn channels_to_make(&self, calibration: FramesView<'_>) -> usize {
        let all = calibration.dims.cha;
        if !self.properties.compression {
            return all;
        }
        if (1..=all).contains(&self.properties.kept) {
            return self.properties.kept;
        }
        let energy = |frame: usize, cha: usize| -> f64 {
            let samples = calibration.channel(frame, cha).iter();
            samples.map(|z| f64::from(z.norm_sqr())).sum()
        };
        let last = |frame: usize| {
            let least = self.properties.threshold * energy(frame, 0);
            (1..all)
                .rev()
                .find(|&cha| energy(frame, cha) >= least.max(f64::MIN_POSITIVE))
        };
        let frames = (0..calibration.dims.frames()).into_par_iter();
        frames.filter_map(last).max().map_or(1, |last| last + 1)
    }
}

/// The combined images, in units in which a full measurement has the noise it came with.
fn unwrap(space: &mut Space, coefficients: &Frames, serving: &[usize]) -> Result<Frames, BoxError> {
    let fits = coefficients.dims.extent == space.dims.extent && coefficients.dims.cha <= space.dims.cha;
    if !fits {
        return Err(unlike(coefficients.dims, space.dims).into());
    }
    let mut data = space.samples()?;
    let undersampling = Undersampling::of(&data, space.buffer.sampling.sampling_limits[0]);
    // GRAPPA keeps the signal; the noise of the fewer lines is made good for by the scale.
    let scale = match undersampling.acceleration > 1.0 {
        true => undersampling.scale / space.facts.total_acceleration() as f32,
        false => 1.0,
    };
    data.dims.extent.to_image(&mut data.data);
    let dims = Dims { cha: 1, ..data.dims };
    let mut images = vec![Complex32::ZERO; dims.len()];
    images
        .par_chunks_mut(dims.frame().max(1))
        .enumerate()
        .for_each(|(frame, result)| {
            grappa::unmix(data.frame(frame), coefficients.frame(serving[frame]), result);
            result.iter_mut().for_each(|pixel| *pixel *= scale);
        });
    Ok(Frames { dims, data: images })
}

/// The image over the g-factor; the image itself without acceleration.
fn snr_map(
    image: &ImageArray,
    gfactor: Option<&Frames>,
    serving: &[usize],
    facts: &EncodingFacts,
) -> Result<Option<Frames>, BoxError> {
    let mut map = Frames::from_array(image.data.clone())?;
    if facts.mode == CalibrationMode::None {
        return Ok(Some(map));
    }
    let Some(gfactor) = gfactor else { return Ok(None) };
    for (frame, &serving) in serving.iter().enumerate() {
        let pixels = map.frame_mut(frame).iter_mut();
        for (pixel, g) in pixels.zip(gfactor.frame(serving)) {
            // Where no coil sees anything there is no signal either.
            *pixel = if g.re > 0.0 { *pixel / g.re } else { Complex32::ZERO };
        }
    }
    Ok(Some(map))
}

#[cfg(test)]
mod tests;
