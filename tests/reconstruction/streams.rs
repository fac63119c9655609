//! What GRAPPA makes on its way, in files that the command line names.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use gadgetron::{configurations::Configurations, files::ReadLimits, recon::Recon};
use protocol::{
    AnyImage, Complex32, Image, Limits,
    codec::Readers,
    session::{Event, Incoming},
};

use crate::{data, images};

/// The messages of a file up to its end.
fn messages(path: &Path, begins_with_header: bool) -> Vec<Event> {
    let mut incoming = match begins_with_header {
        true => Incoming::pipe(Limits::default(), Readers::standard()),
        false => Incoming::client(Limits::default(), Readers::standard()),
    };
    incoming.handle_bytes(&std::fs::read(path).unwrap());
    let mut events = Vec::new();
    loop {
        match incoming.poll_event().unwrap().expect("the file ends with CLOSE") {
            Event::Close => return events,
            event => events.push(event),
        }
    }
}

fn images_of<T: protocol::Pixel>(path: &Path) -> Vec<Image<T>> {
    let events = messages(path, false).into_iter();
    let images = events.map(|event| match event {
        Event::Message(payload) => *payload.value.downcast::<Image<T>>().expect("pixels of this type"),
        other => panic!("{other:?}"),
    });
    images.collect()
}

#[tokio::test]
async fn results_on_the_way_are_in_the_files_that_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let names = [
        "recon_header",
        "coil_map",
        "gfactor",
        "reconed_images",
        "reconed_images_after_post_processing",
    ];
    let parameters: BTreeMap<_, _> = names
        .iter()
        .map(|name| ((*name).to_owned(), path(name).display().to_string()))
        .collect();
    let configuration = "Generic_Cartesian_Grappa_Complex.xml";
    let recon = Recon {
        input: data("brain_a2.h5"),
        group: "dataset".into(),
        read_limits: ReadLimits::default(),
        configuration: Configurations::new().find(configuration).unwrap(),
        output: path("out.h5"),
        output_group: "images".into(),
        parameters,
        storage: Arc::new(gadgets::context::NoStorage),
        distribution: Arc::default(),
        capacity: engine::Capacity::default(),
    };
    recon.run().await.unwrap();

    let header = messages(&path("recon_header"), true);
    assert!(matches!(&header[..], [Event::Header(text)] if text.contains("<ismrmrdHeader")));
    let sent: Vec<_> = images(&path("out.h5"), "images")
        .into_iter()
        .flat_map(|series| series.images)
        .collect();
    let (made, finished) = (
        images_of::<Complex32>(&path("reconed_images")),
        images_of::<Complex32>(&path("reconed_images_after_post_processing")),
    );
    assert!(!sent.is_empty());
    assert_eq!((made.len(), finished.len()), (sent.len(), sent.len()));
    // Behind the last of them only the factor 10 comes.
    for (sent, finished) in sent.iter().zip(&finished) {
        let AnyImage::C32(sent) = sent else {
            panic!("not complex")
        };
        assert_eq!(sent.data, finished.data.map(|pixel| pixel * 10.0));
    }
    for maps in images_of::<Complex32>(&path("coil_map")) {
        assert!(maps.data.dim().0 > 1, "one map for each channel");
        for pixel in maps.data.lanes(ndarray::Axis(0)) {
            let norm: f32 = pixel.iter().map(Complex32::norm_sqr).sum();
            assert!((norm - 1.0).abs() < 1e-3 || norm < 1e-3, "{norm}");
        }
    }
    let gfactor = images_of::<f32>(&path("gfactor"));
    assert!(!gfactor.is_empty());
    for map in gfactor {
        let inside: Vec<_> = map.data.iter().filter(|value| **value > 0.0).collect();
        assert!(inside.len() * 2 > map.data.len());
        assert!(inside.iter().all(|value| value.is_finite()));
    }
}
