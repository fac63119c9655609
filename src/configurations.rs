//! Configuration files: a folder of the user's, and behind it the ones built into the program.
//!
//! A name that comes over the wire is a name, never a path: it cannot leave the folder, and it is not looked up in the
//! environment. What is in the folder goes before what is built in.

use std::{
    collections::BTreeSet,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

/// Largest configuration file that is read, unless said otherwise: 1 MiB.
pub const DEFAULT_FILE_LIMIT: u64 = 1 << 20;

macro_rules! embedded {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../config/", $name)))),*]
    };
}

/// The configurations built in: file name and text, sorted by name.
pub static EMBEDDED: &[(&str, &str)] = embedded! {
    "Generic_Cartesian_FFT.xml"
    "Generic_Cartesian_Grappa.xml"
    "Generic_Cartesian_Grappa_Cine_Denoise.xml"
    "Generic_Cartesian_Grappa_Complex.xml"
    "Generic_Cartesian_Grappa_ImageArray.xml"
    "Generic_Cartesian_Grappa_RealTimeCine.xml"
    "Generic_Cartesian_Grappa_SNR.xml"
    "Generic_Cartesian_Grappa_T2W.xml"
    "Generic_Cartesian_Image_Chain_FFT.xml"
    "Generic_Cartesian_Spirit.xml"
    "Generic_Cartesian_Spirit_RealTimeCine.xml"
    "Generic_Cartesian_Spirit_SASHA.xml"
    "NoiseSummary.xml"
    "default.xml"
    "default_measurement_dependencies.xml"
    "default_optimized.xml"
    "default_short.xml"
    "distributed_default.xml"
    "distributed_generic_default.xml"
    "distributed_image_default.xml"
    "external_equivalent_example.xml"
    "grappa_cpu.xml"
    "grappa_float_cpu.xml"
    "gtquery.xml"
    "isalive.xml"
    "ismrmrd_dump.xml"
    "parallel_bypass_example.xml"
    "stream_complex_to_float.xml"
    "stream_float_to_short.xml"
    "stream_image_array_scaling.xml"
    "stream_image_array_split.xml"
};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// It is nowhere.
    #[error("there is no configuration \"{name}\"; there are {}", available.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The names that would have worked.
        available: Vec<String>,
    },
    /// It is a path, or tries to be one.
    #[error(
        "\"{0}\" is not the name of a configuration: a name has no folders, does not begin with a dot and is at most 255 bytes long"
    )]
    NotAName(String),
    /// The file leads out of the folder.
    #[error(
        "the configuration \"{0}\" is a link that leads out of the configuration folder; put the file itself there"
    )]
    Outside(String),
    /// The file is too large.
    #[error("the configuration {} has more than {limit} bytes, the limit", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// The file is not text.
    #[error("the configuration {} is not readable: {source}", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: protocol::xml::XmlError,
    },
    /// The file cannot be read.
    #[error("the configuration {} cannot be read: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Where configurations are found by name.
#[derive(Clone, Debug)]
pub struct Configurations {
    folder: Option<PathBuf>,
    limit: u64,
}

impl Default for Configurations {
    fn default() -> Self {
        Self {
            folder: None,
            limit: DEFAULT_FILE_LIMIT,
        }
    }
}

impl Configurations {
    /// Only those built in.
    pub fn new() -> Self {
        Self::default()
    }

    /// Those in `folder`, then those built in.
    pub fn with_folder(self, folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: Some(folder.into()),
            ..self
        }
    }

    /// Those in the configuration folder of a Gadgetron home (`HOME/share/gadgetron/config`), then those built in.
    pub fn with_home(self, home: impl AsRef<Path>) -> Self {
        self.with_folder(home.as_ref().join("share/gadgetron/config"))
    }

    /// Refuses files of more than `limit` bytes.
    pub fn with_limit(self, limit: u64) -> Self {
        Self { limit, ..self }
    }

    /// The text of the configuration `name`, which comes from a stranger. The ending `.xml` can be left out.
    pub fn find(&self, name: &str) -> Result<String, FindError> {
        if !is_name(name) {
            return Err(FindError::NotAName(name.chars().take(255).collect()));
        }
        for name in [name.to_owned(), format!("{name}.xml")] {
            if let Some(text) = self.in_folder(&name)? {
                return Ok(text);
            }
            if let Some((_, text)) = EMBEDDED.iter().find(|(embedded, _)| *embedded == name) {
                return Ok((*text).to_owned());
            }
        }
        Err(FindError::Unknown {
            name: name.to_owned(),
            available: self.names(),
        })
    }

    /// The text of a configuration that the user of this machine names: any file, or a name as in
    /// [`Configurations::find`].
    pub fn find_or_read(&self, name: &Path) -> Result<String, FindError> {
        match name.to_str() {
            Some(text) if is_name(text) && !name.is_file() => self.find(text),
            _ => self.read(name),
        }
    }

    /// All names, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: BTreeSet<String> = EMBEDDED.iter().map(|(name, _)| (*name).to_owned()).collect();
        let entries = self.folder.as_ref().and_then(|folder| fs::read_dir(folder).ok());
        for entry in entries.into_iter().flatten().flatten() {
            if let Some(name) = entry.file_name().to_str()
                && name.ends_with(".xml")
                && is_name(name)
            {
                names.insert(name.to_owned());
            }
        }
        names.into_iter().collect()
    }

    /// The file of this name in the folder; `None` where there is none.
    fn in_folder(&self, name: &str) -> Result<Option<String>, FindError> {
        let Some(folder) = &self.folder else {
            return Ok(None);
        };
        let (Ok(folder), Ok(file)) = (folder.canonicalize(), folder.join(name).canonicalize()) else {
            return Ok(None);
        };
        if !file.starts_with(&folder) {
            return Err(FindError::Outside(name.to_owned()));
        }
        // Opening anything but a file could block: a pipe without a writer, for instance.
        match file.is_file() {
            true => self.read(&file).map(Some),
            false => Ok(None),
        }
    }

    fn read(&self, path: &Path) -> Result<String, FindError> {
        let io = |source| FindError::Io {
            path: path.to_owned(),
            source,
        };
        let mut bytes = Vec::new();
        let file = fs::File::open(path).map_err(io)?;
        file.take(self.limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(io)?;
        if bytes.len() as u64 > self.limit {
            return Err(FindError::TooLarge {
                path: path.to_owned(),
                limit: self.limit,
            });
        }
        match protocol::xml::decode(&bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(source) => Err(FindError::NotText {
                path: path.to_owned(),
                source,
            }),
        }
    }
}

/// Whether `name` names a file directly in a folder, on every system.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && !name.starts_with('.')
        && !name.contains(['/', '\\', ':', '\0'])
        && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use protocol::Configuration;

    use super::*;

    #[test]
    fn what_is_built_in_is_the_config_folder_and_parses() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
        let mut files: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        assert_eq!(EMBEDDED.iter().map(|(name, _)| *name).collect::<Vec<_>>(), files);
        for (name, text) in EMBEDDED {
            let configuration = Configuration::parse(text).unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
            assert_eq!(name == &"isalive.xml", configuration.stream.nodes.is_empty(), "{name}");
        }
    }

    #[test]
    fn the_folder_goes_before_what_is_built_in() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("share/gadgetron/config");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("default.xml"), "mine").unwrap();
        fs::write(folder.join("own.xml"), "own").unwrap();
        let configurations = Configurations::new().with_home(home.path());
        assert_eq!(configurations.find("default.xml").unwrap(), "mine");
        assert_eq!(configurations.find("own").unwrap(), "own");
        assert!(configurations.find("isalive.xml").unwrap().contains("<stream"));
        assert!(configurations.names().contains(&"own.xml".to_owned()));
        assert!(
            Configurations::new()
                .find("default")
                .unwrap()
                .contains("SimpleReconGadget")
        );
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = Configurations::new().find("nothing.xml").unwrap_err().to_string();
        assert!(error.starts_with("there is no configuration \"nothing.xml\"; there are Generic_Cartesian_FFT.xml, "));
        assert!(error.contains(", default.xml, "));
    }

    #[test]
    fn a_name_cannot_leave_the_folder() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("secret.xml"), "secret").unwrap();
        let folder = home.path().join("config");
        fs::create_dir_all(folder.join("inner")).unwrap();
        fs::write(folder.join("inner/x.xml"), "x").unwrap();
        let configurations = Configurations::new().with_folder(&folder);
        let absolute = home.path().join("secret.xml");
        let long = "x".repeat(256);
        let paths = [
            "../secret.xml",
            "inner/x.xml",
            "..",
            ".",
            "",
            "a\\b",
            "c:x",
            "x\0",
            "\n",
            &long,
        ];
        for name in paths.into_iter().chain(absolute.to_str()) {
            assert!(
                matches!(configurations.find(name), Err(FindError::NotAName(_))),
                "{name}"
            );
        }
        for name in ["HOME", "PATH", "$HOME", "inner", "~"] {
            assert!(
                matches!(configurations.find(name), Err(FindError::Unknown { .. })),
                "{name}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_counts_only_inside_of_the_folder() {
        use std::os::unix::fs::symlink;
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("config");
        fs::create_dir_all(folder.join("..data")).unwrap();
        fs::write(home.path().join("secret.xml"), "secret").unwrap();
        fs::write(folder.join("..data/inside.xml"), "inside").unwrap();
        symlink(home.path().join("secret.xml"), folder.join("out.xml")).unwrap();
        symlink("..data/inside.xml", folder.join("inside.xml")).unwrap();
        symlink("loop.xml", folder.join("loop.xml")).unwrap();
        let configurations = Configurations::new().with_folder(&folder);
        assert!(matches!(configurations.find("out.xml"), Err(FindError::Outside(_))));
        assert_eq!(configurations.find("inside.xml").unwrap(), "inside");
        assert!(matches!(
            configurations.find("loop.xml"),
            Err(FindError::Unknown { .. })
        ));
    }

    #[test]
    fn files_that_are_too_large_or_no_text_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("large.xml"), " ".repeat(11)).unwrap();
        fs::write(folder.path().join("latin.xml"), b"<a>\xe4</a>").unwrap();
        let configurations = Configurations::new().with_folder(folder.path()).with_limit(10);
        assert!(matches!(
            configurations.find("large.xml"),
            Err(FindError::TooLarge { limit: 10, .. })
        ));
        assert!(matches!(
            configurations.find("latin.xml"),
            Err(FindError::NotText { .. })
        ));
    }

    #[test]
    fn the_command_line_may_name_any_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.txt");
        fs::write(&file, "mine").unwrap();
        let configurations = Configurations::new();
        assert_eq!(configurations.find_or_read(&file).unwrap(), "mine");
        assert!(configurations.find_or_read(Path::new("default.xml")).is_ok());
        let missing = folder.path().join("missing.xml");
        assert!(matches!(
            configurations.find_or_read(&missing),
            Err(FindError::Io { .. })
        ));
    }
}
