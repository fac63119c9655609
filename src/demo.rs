//! `gadgetron demo`: a phantom, its reconstruction, a picture.

use std::{
    collections::BTreeMap,
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use ndarray::{Array2, Axis};
use protocol::AnyImage;

use crate::{
    configurations::Configurations,
    files::{ImageReader, RAW_DATA_GROUP, ReadLimits},
    phantom::{self, PhantomArguments, PhantomSettings},
    recon::{Recon, Report},
};

/// The configuration the demo runs.
const CONFIGURATION: &str = "default.xml";

/// What the demo did.
#[derive(Debug)]
pub struct Demo {
    /// The raw data.
    pub raw: PathBuf,
    /// The images.
    pub images: PathBuf,
    /// The picture.
    pub picture: PathBuf,
    /// How long it took to make the raw data.
    pub phantom_time: Duration,
    /// The reconstruction.
    pub report: Report,
}

impl std::fmt::Display for Demo {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Report {
            acquisitions,
            bytes,
            elapsed,
            ..
        } = &self.report;
        let seconds = elapsed.as_secs_f64();
        let megabytes = *bytes as f64 / 1e6;
        writeln!(
            formatter,
            "phantom:  {acquisitions} readouts, {megabytes:.1} MB, in {} ({:.3} s)",
            self.raw.display(),
            self.phantom_time.as_secs_f64()
        )?;
        writeln!(
            formatter,
            "recon:    {CONFIGURATION}, {} ({seconds:.3} s, {:.0} MB/s)",
            self.report.images_in(&self.images),
            megabytes / seconds
        )?;
        write!(formatter, "look at:  {}", self.picture.display())
    }
}

/// Why the demo failed.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The phantom.
    #[error(transparent)]
    Phantom(#[from] phantom::PhantomError),
    /// The configuration.
    #[error(transparent)]
    Configuration(#[from] crate::configurations::FindError),
    /// The reconstruction.
    #[error(transparent)]
    Recon(#[from] crate::recon::ReconError),
    /// The images.
    #[error(transparent)]
    File(#[from] crate::files::FileError),
    /// The folder or the picture.
    #[error("{}: {cause}", path.display())]
    Picture {
        /// What could not be written.
        path: PathBuf,
        /// Why.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Makes raw data of a phantom in `folder`, reconstructs them, and writes the images and a picture. What an earlier run
/// left there is replaced.
pub async fn run(folder: &Path) -> Result<Demo, DemoError> {
    let [raw, images, picture] = ["phantom.h5", "out.h5", "out.png"].map(|name| folder.join(name));
    let failed = |path: &Path, cause: std::io::Error| DemoError::Picture {
        path: path.to_owned(),
        cause: cause.into(),
    };
    std::fs::create_dir_all(folder).map_err(|cause| failed(folder, cause))?;
    match std::fs::remove_file(&images) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => return Err(failed(&images, cause)),
        _ => {}
    }

    let started = Instant::now();
    let arguments = PhantomArguments {
        output: raw.clone(),
        group: RAW_DATA_GROUP.into(),
        settings: PhantomSettings {
            matrix: 256,
            noise: 0.01,
            ..PhantomSettings::default()
        },
    };
    blocking(move || phantom::write(&arguments)).await?;
    let phantom_time = started.elapsed();

    let recon = Recon {
        input: raw.clone(),
        group: RAW_DATA_GROUP.into(),
        read_limits: ReadLimits::default(),
        configuration: Configurations::new().find(CONFIGURATION)?,
        output: images.clone(),
        output_group: CONFIGURATION.into(),
        parameters: BTreeMap::new(),
        storage: Arc::new(gadgets::context::NoStorage),
        distribution: Arc::default(),
        capacity: engine::Capacity::default(),
    };
    let report = recon.run().await?;
    let (from, to) = (images.clone(), picture.clone());
    blocking(move || draw(&from, &to)).await?;
    Ok(Demo {
        raw,
        images,
        picture,
        phantom_time,
        report,
    })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Draws the first image of the file, dark to bright.
fn draw(images: &Path, picture: &Path) -> Result<(), DemoError> {
    let series = ImageReader::open(images)?.series(CONFIGURATION)?;
    let failed = |cause: Box<dyn std::error::Error + Send + Sync>| DemoError::Picture {
        path: picture.to_owned(),
        cause,
    };
    let first = series.first().and_then(|series| series.images.first());
    let slice = first
        .and_then(brightness)
        .ok_or_else(|| failed("there is no image to draw".into()))?;
    write_png(&slice, picture).map_err(failed)
}

/// The first slice of the first channel.
fn brightness(image: &AnyImage) -> Option<Array2<f32>> {
    let slice = match image {
        AnyImage::F32(image) => image.data.mapv(f32::abs),
        AnyImage::U16(image) => image.data.mapv(f32::from),
        AnyImage::C32(image) => image.data.mapv(|z| z.norm()),
        _ => return None,
    };
    (!slice.is_empty()).then(|| slice.index_axis_move(Axis(0), 0).index_axis_move(Axis(0), 0))
}

/// Writes an image, shape `[y, x]`, as a grey picture of 8 bits.
///
/// The brightest hundredth of a percent is cut off, so that one hot pixel does not darken everything.
pub fn write_png(image: &Array2<f32>, path: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut sorted: Vec<f32> = image.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f32::total_cmp);
    let white = sorted
        .get(sorted.len().saturating_sub(1 + sorted.len() / 10_000))
        .copied()
        .unwrap_or(1.0);
    let scale = 255.0 / white.max(f32::MIN_POSITIVE);
    // A float turns into the nearest byte, and what is no number into black.
    let pixels: Vec<u8> = image.iter().map(|value| (value * scale).round() as u8).collect();
    let (height, width) = image.dim();
    let mut encoder = png::Encoder::new(
        BufWriter::new(File::create(path)?),
        u32::try_from(width)?,
        u32::try_from(height)?,
    );
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    Ok(writer.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_the_images_size_and_its_brightness() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.png");
        let image = Array2::from_shape_fn((3, 5), |(y, x)| (y * 5 + x) as f32);
        write_png(&image, &path).unwrap();
        let mut reader = png::Decoder::new(std::io::BufReader::new(File::open(&path).unwrap()))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(
            (info.width, info.height, pixels[0], pixels[14], pixels[8]),
            (5, 3, 0, 255, 146)
        );
    }
}
