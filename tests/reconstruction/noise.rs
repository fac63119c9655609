//! Images in units of the noise: measured again and again, their pixels vary by one.

use std::path::Path;

use gadgetron::phantom::{Phantom, PhantomSettings};
use ndarray::{Array2, Axis};
use protocol::AnyImage;

use crate::{
    images,
    quantitative::{even_places, phantom_file},
    reconstruct,
};

const CONFIGURATION: &str = "Generic_Cartesian_Grappa_SNR.xml";
/// The map of the standard deviation leaves the first repetitions out.
const LEFT_OUT: u16 = 5;
/// What the configuration's map of the SNR and its map of the standard deviation are scaled with.
const SNR_SCALE: f32 = 10.0;
const DEVIATION_SCALE: f32 = 1000.0;

/// The images of a series, shape `[y, x]` each.
fn series(path: &Path, number: u16) -> Vec<Array2<f32>> {
    let all = images(path, CONFIGURATION);
    let series = all.iter().find(|series| series.name == format!("image_{number}"));
    let images = series.unwrap_or_else(|| panic!("no series {number}")).images.iter();
    images
        .map(|image| match image {
            AnyImage::U16(image) => image.data.index_axis(Axis(0), 0).index_axis(Axis(0), 0).mapv(f32::from),
            other => panic!("{:?} pixels", other.pixel_type()),
        })
        .collect()
}

fn mean(values: impl Iterator<Item = f32>) -> f32 {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    assert!(count > 30, "{count} pixels");
    sum / count as f32
}

#[tokio::test]
async fn the_snr_map_has_unit_standard_deviation_over_a_hundred_repetitions() {
    let folder = tempfile::tempdir().unwrap();
    for acceleration in [1, 2] {
        let settings = PhantomSettings {
            matrix: 48,
            coils: 4,
            repetitions: 100 + LEFT_OUT,
            acceleration,
            noise: 0.02,
            noise_scan: true,
            ..PhantomSettings::default()
        };
        let input = phantom_file(folder.path(), &settings);
        let output = folder.path().join(format!("out{acceleration}.h5"));
        reconstruct(&input, CONFIGURATION, &output).await;
        let truth = Phantom::new(settings.clone()).unwrap().truth(0);
        let deviation = series(&output, 3000).remove(0) / DEVIATION_SCALE;

        // Where there is signal, the magnitude varies as one part of the complex noise does.
        let object = truth.indexed_iter().filter(|(_, brightness)| **brightness > 0.15);
        let inside = mean(object.map(|(place, _)| deviation[place]));
        assert!((inside - 1.0).abs() < 0.03, "R = {acceleration}: {inside} inside");
        // Where there is none it is Rayleigh distributed; the ringing of the bright skull adds a little.
        let corner = deviation.slice(ndarray::s![..12, ..12]);
        let outside = mean(corner.iter().copied()) / (2.0 - std::f32::consts::FRAC_PI_2).sqrt();
        assert!((outside - 1.0).abs() < 0.06, "R = {acceleration}: {outside} outside");
        eprintln!("R = {acceleration}: standard deviation {inside} inside, {outside} of Rayleigh's outside");
        if acceleration == 1 {
            // The map itself says how many times the noise of a pixel the object is bright. The Gaussian filters of the
            // configuration leave the noise as it is, and make what is smooth brighter: along each of two dimensions by
            // the root of 1 over the mean of exp(-x^2) from -1 to 1.
            let smoothed = 1.0 / 0.746_824;
            let snr = &series(&output, 300)[0] / SNR_SCALE;
            let ratio = mean(even_places(&truth).map(|place| snr[place] * settings.noise / truth[place])) / smoothed;
            assert!((ratio - 1.0).abs() < 0.05, "the SNR is {ratio} of the true one");
        }
    }
}
