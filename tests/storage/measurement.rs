//! Measurements whose receivers' noise is coloured, so that an image tells how it was whitened.

use std::path::{Path, PathBuf};

use gadgetron::{
    files::{ImageReader, RawDataWriter, ScannerData},
    phantom::{Phantom, PhantomSettings},
};
use protocol::{
    Acquisition, AnyImage, IsmrmrdHeader,
    acquisition::flag::IS_NOISE_MEASUREMENT,
    header::{MeasurementDependency, MeasurementInformation},
};

/// The chain that whitens and gives images of floating point numbers.
pub(crate) const IMAGES: &str = "external_equivalent_example.xml";
/// The chain for noise scans.
pub(crate) const NOISE: &str = "default_measurement_dependencies.xml";

/// What a measurement says about itself.
#[derive(Clone, Copy)]
pub(crate) struct Says<'a> {
    pub(crate) id: &'a str,
    /// The measurement with its noise scan.
    pub(crate) depends_on: Option<&'a str>,
    /// Whether the coils have names.
    pub(crate) labels: bool,
}

/// A scanner with some noise in its channels; `loudness` is that of the noise scan relative to the images.
pub(crate) struct Scanner {
    header: IsmrmrdHeader,
    noise: Vec<Acquisition>,
    lines: Vec<Acquisition>,
}

impl Scanner {
    pub(crate) fn new(loudness: f32) -> Self {
        let phantom = Phantom::new(PhantomSettings {
            matrix: 16,
            coils: 4,
            noise: 0.05,
            noise_scan: true,
            ..PhantomSettings::default()
        })
        .unwrap();
        let readouts = phantom.items().filter_map(|item| match item {
            ScannerData::Acquisition(readout) => Some(readout),
            ScannerData::Waveform(_) => None,
        });
        let (mut noise, mut lines): (Vec<_>, Vec<_>) =
            readouts.partition(|readout| readout.header.is_flag_set(IS_NOISE_MEASUREMENT));
        for readout in noise.iter_mut().chain(&mut lines) {
            colour(readout);
        }
        noise
            .iter_mut()
            .for_each(|readout| readout.data *= protocol::Complex32::from(loudness));
        Self {
            header: phantom.header(),
            noise,
            lines,
        }
    }

    /// A file with the noise scan, the lines of the image, or both.
    pub(crate) fn write(&self, path: PathBuf, says: Says<'_>, noise: bool, image: bool) -> PathBuf {
        let mut header = self.header.clone();
        header.measurement_information = Some(MeasurementInformation {
            measurement_id: Some(says.id.to_owned()),
            patient_position: "HFS".into(),
            measurement_dependency: says
                .depends_on
                .map(|id| MeasurementDependency {
                    dependency_type: "Noise".into(),
                    measurement_id: id.to_owned(),
                    ..MeasurementDependency::default()
                })
                .into_iter()
                .collect(),
            ..MeasurementInformation::default()
        });
        if let (Some(system), false) = (&mut header.acquisition_system_information, says.labels) {
            system.coil_label.clear();
        }
        let mut file = RawDataWriter::create(&path, "dataset", &header.to_xml()).unwrap();
        let noise = self.noise.iter().filter(|_| noise);
        for readout in noise.chain(self.lines.iter().filter(|_| image)) {
            file.acquisition(readout).unwrap();
        }
        file.finish().unwrap();
        path
    }
}

/// Channels of different loudness that hear each other.
fn colour(readout: &mut Acquisition) {
    let first = readout.data.row(0).to_owned();
    for (channel, mut row) in readout.data.rows_mut().into_iter().enumerate() {
        row.zip_mut_with(&first, |sample, first| {
            *sample = *sample * (1.0 + channel as f32) + first * 0.4;
        });
    }
}

/// The pixels of the only image in a file.
pub(crate) fn pixels(path: &Path) -> Vec<f32> {
    let series = ImageReader::open(path).and_then(|reader| reader.series("images"));
    let series = series.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((series.len(), series[0].images.len()), (1, 1));
    match &series[0].images[0] {
        AnyImage::F32(image) => image.data.iter().copied().collect(),
        other => panic!("{:?} pixels", other.pixel_type()),
    }
}

/// The norm of the difference over the norm of the second.
pub(crate) fn difference(found: &[f32], expected: &[f32]) -> f32 {
    let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|value| value * value).sum::<f32>().sqrt();
    norm(&mut found.iter().zip(expected).map(|(a, b)| a - b)) / norm(&mut expected.iter().copied())
}
