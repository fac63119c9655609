//! Known objects come back as they are: not only as another program sees them.

use std::{path::Path, process::Command};

use gadgetron::phantom::{self, Phantom, PhantomArguments, PhantomSettings};
use ndarray::{Array2, ArrayView2, Axis};
use protocol::AnyImage;

use crate::{images, reconstruct};

/// The first image of the output, shape `[y, x]`.
fn first_image(path: &Path, group: &str) -> Array2<f32> {
    let series = images(path, group);
    let AnyImage::F32(image) = &series[0].images[0] else {
        panic!("{:?} pixels", series[0].images[0].pixel_type());
    };
    image.data.index_axis(Axis(0), 0).index_axis(Axis(0), 0).to_owned()
}

fn relative_difference(image: ArrayView2<'_, f32>, truth: ArrayView2<'_, f32>) -> f64 {
    let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    norm(&mut image.iter().zip(truth).map(|(image, truth)| image - truth)) / norm(&mut truth.iter().copied())
}

/// Pixels of the object whose neighbours, three to each side, are much like them.
pub(crate) fn even_places(truth: &Array2<f32>) -> impl Iterator<Item = (usize, usize)> + '_ {
    truth.indexed_iter().map(|(place, _)| place).filter(|&(y, x)| {
        let (rows, columns) = truth.dim();
        let inside = y >= 3 && x >= 3 && y + 3 < rows && x + 3 < columns;
        inside && truth[(y, x)] > 0.05 && {
            let around = truth.slice(ndarray::s![y - 3..=y + 3, x - 3..=x + 3]);
            around.iter().all(|value| (value / truth[(y, x)] - 1.0).abs() < 0.2)
        }
    })
}

pub(crate) fn phantom_file(folder: &Path, settings: &PhantomSettings) -> std::path::PathBuf {
    let output = folder.join("phantom.h5");
    let arguments = PhantomArguments {
        output: output.clone(),
        group: "dataset".into(),
        settings: settings.clone(),
    };
    phantom::write(&arguments).unwrap();
    output
}

#[tokio::test]
async fn the_phantom_comes_back_with_its_own_brightness() {
    let folder = tempfile::tempdir().unwrap();
    let settings = PhantomSettings {
        slices: 3,
        ..PhantomSettings::default()
    };
    let output = folder.path().join("out.h5");
    let report = reconstruct(&phantom_file(folder.path(), &settings), "default.xml", &output).await;
    assert_eq!((report.acquisitions, report.images), (3 * 128, 3));
    let image = first_image(&output, "default.xml");
    let truth = Phantom::new(settings).unwrap().truth(0);
    // Edges ring (the bright skull is two pixels wide), so the whole is judged loosely, and even places strictly.
    let whole = relative_difference(image.view(), truth.view());
    assert!(whole < 0.2, "relative difference {whole}");
    let even: Vec<(f32, f32)> = even_places(&truth).map(|place| (image[place], truth[place])).collect();
    assert!(even.len() > 500, "{} even places", even.len());
    let (sum, true_sum) = even
        .iter()
        .fold((0.0, 0.0), |sums, pair| (sums.0 + pair.0, sums.1 + pair.1));
    assert!(
        (sum / true_sum - 1.0).abs() < 0.01,
        "brightness {sum} instead of {true_sum}"
    );
    let (image, truth): (Vec<f32>, Vec<f32>) = even.into_iter().unzip();
    let inside = relative_difference(
        ArrayView2::from_shape((1, image.len()), &image).unwrap(),
        ArrayView2::from_shape((1, truth.len()), &truth).unwrap(),
    );
    assert!(inside < 0.08, "relative difference {inside} in even places");
}

#[tokio::test]
async fn noise_in_the_image_is_the_noise_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let settings = PhantomSettings {
        coils: 1,
        noise: 0.05,
        ..PhantomSettings::default()
    };
    let output = folder.path().join("out.h5");
    reconstruct(&phantom_file(folder.path(), &settings), "default.xml", &output).await;
    let image = first_image(&output, "default.xml");
    // In the corner there is only noise, whose magnitude is Rayleigh distributed: its mean square is twice the variance.
    let corner = image.slice(ndarray::s![0..24, 0..24]);
    let deviation = (corner.iter().map(|value| value * value).sum::<f32>() / (2 * corner.len()) as f32).sqrt();
    assert!((deviation / 0.05 - 1.0).abs() < 0.08, "standard deviation {deviation}");
}

/// What the ISMRMRD tools' generator put into its file as the truth: images of the coils, combined, without the part
/// outside of the image's field of view.
fn generators_truth(path: &Path) -> Array2<f32> {
    let file = hdf5_reader::Hdf5File::open(path).unwrap();
    let dataset = file.dataset("dataset/coil_images").unwrap();
    let [_, coils, rows, columns] = *dataset.shape() else {
        panic!("{:?}", dataset.shape())
    };
    let (coils, rows, columns) = (coils as usize, rows as usize, columns as usize);
    let bytes = dataset.read_raw_bytes().unwrap();
    let power: Vec<f32> = bytes
        .chunks_exact(8)
        .map(|z| {
            let part = |place: usize| f32::from_le_bytes([z[place], z[place + 1], z[place + 2], z[place + 3]]);
            part(0).powi(2) + part(4).powi(2)
        })
        .collect();
    Array2::from_shape_fn((rows, columns / 2), |(y, x)| {
        let place = y * columns + x + columns / 4;
        (0..coils)
            .map(|coil| power[coil * rows * columns + place])
            .sum::<f32>()
            .sqrt()
    })
}

#[tokio::test]
async fn the_ismrmrd_tools_phantom_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("shepp.h5");
    let generator = Command::new("ismrmrd_generate_cartesian_shepp_logan")
        .args(["-m", "64", "-c", "4", "-n", "0", "-o"])
        .arg(&input)
        .output();
    if !generator.is_ok_and(|output| output.status.success()) {
        eprintln!(
            "ismrmrd_generate_cartesian_shepp_logan is missing (Debian: ismrmrd-tools): only our own phantom was tested"
        );
        return;
    }
    let output = folder.path().join("out.h5");
    reconstruct(&input, "default.xml", &output).await;
    let image = first_image(&output, "default.xml");
    let difference = relative_difference(image.view(), generators_truth(&input).view());
    assert!(difference < 1e-4, "relative difference {difference}");
}

#[tokio::test]
async fn the_demo_leaves_images_and_a_picture() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let demo = gadgetron::demo::run(folder.path()).await.unwrap();
        assert_eq!(demo.report.images, 1);
        assert!(demo.to_string().contains("out.png"));
        assert_eq!(images(&demo.images, "default.xml")[0].images.len(), 1);
        let picture = std::fs::read(&demo.picture).unwrap();
        assert!(
            picture.starts_with(b"\x89PNG") && picture.len() > 10_000,
            "{} bytes",
            picture.len()
        );
    }
}
