//! A measurement is whitened with the noise of another one, over whatever happens between the two.

use std::path::{Path, PathBuf};

use crate::{
    http,
    measurement::{IMAGES, NOISE, Says, Scanner, difference, pixels},
    process::{Server, blobs, scratch},
    support::process::succeed,
};

/// Images differ by no more where both were whitened with the same covariance, once as it was computed and once as it was
/// stored in single precision.
const SAME: f32 = 1e-4;

const STRUCTURED: &str = "45387_1079885_1079904_343";

fn image(server: &Server, input: &Path) -> Vec<f32> {
    let output = input.with_extension("images.h5");
    // The client adds to what is there.
    let _ = std::fs::remove_file(&output);
    server.run(input, IMAGES, &output);
    pixels(&output)
}

/// Files of a scanner: the noise scan alone, the image alone that depends on it, and both in one measurement.
struct Files {
    noise: PathBuf,
    image: PathBuf,
    both: PathBuf,
}

fn files(folder: &Path, scanner: &Scanner, name: &str, id: &str, labels: bool) -> Files {
    let file = |part: &str| folder.join(format!("{name}.{part}.h5"));
    let noise = Says {
        id,
        depends_on: None,
        labels,
    };
    let dependent = Says {
        id: "another",
        depends_on: Some(id),
        labels,
    };
    let own = Says { id: "its own", ..noise };
    Files {
        noise: scanner.write(file("noise"), noise, true, false),
        image: scanner.write(file("image"), dependent, false, true),
        both: scanner.write(file("both"), own, true, true),
    }
}

#[test]
fn whitened_as_if_the_noise_were_its_own_whatever_the_measurement_is_called() {
    let folder = scratch();
    let server = Server::storing_in(folder.path());
    let scanner = Scanner::new(1.0);
    let long = "8c9b.".repeat(60);
    let cases = [
        ("structured", STRUCTURED, true),
        ("unique", "376c73c9-9a23-452f-a8d2-ef5ac307b4e9", true),
        ("no-labels", "45387_1079885_1079904_344", false),
        ("odd", "é/?&=+ %_", false),
        ("long", &long, true),
    ];
    for (name, id, labels) in cases {
        let files = files(folder.path(), &scanner, name, id, labels);
        let before = image(&server, &files.image);
        server.run(&files.noise, NOISE, &files.noise.with_extension("nothing.h5"));
        let whitened = image(&server, &files.image);
        let own = image(&server, &files.both);
        assert!(
            difference(&whitened, &own) < SAME,
            "{name}: {}",
            difference(&whitened, &own)
        );
        assert!(difference(&before, &own) > 0.1, "{name}: whitening shows");
    }
    // Other programs find it under the original's tags, in the original's format.
    let found = http::get(
        server.storage(),
        &format!(
            "/v1/blobs/data/latest?subject=phantom&session=1079904&device=45387&name=noise_covariance\
             &measurement={STRUCTURED}"
        ),
    );
    assert_eq!(found.status, 200);
    assert!(found.body.starts_with(b"SFNDAM"));
}

#[test]
fn a_server_with_another_ones_storage_finds_it_too() {
    let folder = scratch();
    let storing = Server::storing_in(folder.path());
    let files = files(folder.path(), &Scanner::new(1.0), "elsewhere", STRUCTURED, true);
    let asking = Server::asking(storing.storage());
    asking.run(&files.noise, NOISE, &folder.path().join("nothing.h5"));
    let own = image(&storing, &files.both);
    for server in [&storing, &asking] {
        assert!(difference(&image(server, &files.image), &own) < SAME);
    }
}

#[test]
fn a_client_compresses_as_far_as_the_stored_noise_allows() {
    let folder = scratch();
    let server = Server::storing_in(folder.path());
    let files = files(folder.path(), &Scanner::new(1.0), "compressed", STRUCTURED, true);
    let compressed = |name: &str| {
        let output = folder.path().join(name);
        let mut client = server.client();
        client.args(["-v", "-T", "0.5", "-c", IMAGES, "-G", "images", "-f"]);
        let ended = succeed(client.arg(&files.image).arg("-o").arg(&output));
        (pixels(&output), String::from_utf8(ended.stderr).unwrap())
    };
    let (_, words) = compressed("before.h5");
    assert!(words.contains("knows of no noise scan"), "{words}");
    server.run(&files.noise, NOISE, &files.noise.with_extension("nothing.h5"));
    let (pixels, words) = compressed("after.h5");
    assert!(words.contains("the noise of these data"), "{words}");
    let off = difference(&pixels, &image(&server, &files.image));
    assert!(off > 0.0 && off < 0.1, "{off}");
}

#[test]
fn after_a_restart_too() {
    let folder = scratch();
    let files = files(folder.path(), &Scanner::new(1.0), "restarted", STRUCTURED, true);
    let server = Server::storing_in(folder.path());
    server.run(&files.noise, NOISE, &folder.path().join("nothing.h5"));
    let own = image(&server, &files.both);
    server.stop();
    let server = Server::storing_in(folder.path());
    assert!(difference(&image(&server, &files.image), &own) < SAME);
    // What a client was told to be done is done, however the server ends.
    server.kill();
    let server = Server::storing_in(folder.path());
    assert!(difference(&image(&server, &files.image), &own) < SAME);
}

/// The kill comes when the file of the new covariance appears, is renamed, or at some moment between the two: nobody can
/// say when exactly, and whenever it is the old or the new covariance must be there, whole.
#[test]
fn killed_while_storing_the_old_noise_or_the_new_one_is_there() {
    let folder = scratch();
    let [quiet, loud] = [1.0, 3.0].map(|loudness| {
        let name = format!("loudness-{loudness}");
        files(folder.path(), &Scanner::new(loudness), &name, STRUCTURED, true)
    });
    let server = Server::storing_in(folder.path());
    let images = [&quiet, &loud].map(|files| image(&server, &files.both));
    assert!(difference(&images[0], &images[1]) > 0.1);
    server.run(&quiet.noise, NOISE, &folder.path().join("nothing.h5"));
    server.kill();
    let mut current = 0;
    for round in 0..6_u32 {
        let next = [&loud, &quiet][current];
        let server = Server::storing_in(folder.path());
        let before = names(&blobs(folder.path()));
        let mut client = server.begin(&next.noise, NOISE, &folder.path().join("nothing.h5"));
        // Every other time the first change counts, which is the file that is being written.
        while names(&blobs(folder.path())) == before && client.try_wait().unwrap().is_none() {
            std::hint::spin_loop();
        }
        for _ in 0..round / 2 * 100_000 {
            std::hint::spin_loop();
        }
        server.kill();
        client.wait().unwrap();
        let server = Server::storing_in(folder.path());
        let found = image(&server, &quiet.image);
        let differences = images.each_ref().map(|image| difference(&found, image));
        let chosen = differences.iter().position(|difference| *difference < SAME);
        current = chosen.unwrap_or_else(|| panic!("round {round}: neither: {differences:?}"));
        server.kill();
    }
}

fn names(folder: &Path) -> Vec<std::ffi::OsString> {
    let entries = std::fs::read_dir(folder).expect("the store's folder");
    entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect()
}
