//! The questions a server answers (message 6), with the original's keys and layout: its test runner parses them.

/// What a server tells of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerInformation {
    /// Version of the server.
    pub version: String,
    /// Commit it was built from.
    pub build: String,
    /// Memory of the machine in bytes.
    pub memory_bytes: u64,
    /// Whether external nodes in Python can run.
    pub python: bool,
    /// Whether external nodes in Julia can run.
    pub julia: bool,
    /// Whether external nodes in Matlab can run.
    pub matlab: bool,
}

/// The answer to a question that is not known.
pub const UNKNOWN: &str = "Unknown query";

/// The original's answer for the version of the ISMRMRD library, which has always been this one.
const ISMRMRD_VERSION: &str = "0.0.0-alpha";

/// All questions there are.
pub const KEYS: [&str; 13] = [
    "ismrmrd::version",
    "gadgetron::version",
    "gadgetron::build",
    "gadgetron::info",
    "gadgetron::info::memory",
    "gadgetron::info::python",
    "gadgetron::info::matlab",
    "gadgetron::info::cuda",
    "gadgetron::cuda::devices",
    "gadgetron::cuda::driver",
    "gadgetron::cuda::runtime",
    "gadgetron::cuda::memory",
    "gadgetron::cuda::capabilities",
];

impl ServerInformation {
    /// The answer to a question. There is no CUDA here: no devices, version 0.0, nothing to list for each device.
    pub fn answer(&self, key: &str) -> String {
        let switch = |on: bool| u8::from(on).to_string();
        match key {
            "ismrmrd::version" => ISMRMRD_VERSION.to_owned(),
            "gadgetron::version" => self.version.clone(),
            "gadgetron::build" => self.build.clone(),
            "gadgetron::info" => self.to_string(),
            "gadgetron::info::memory" => self.memory_bytes.to_string(),
            "gadgetron::info::python" => switch(self.python),
            "gadgetron::info::matlab" => switch(self.matlab),
            "gadgetron::info::cuda" | "gadgetron::cuda::devices" => switch(false),
            "gadgetron::cuda::driver" | "gadgetron::cuda::runtime" => "0.0".to_owned(),
            "gadgetron::cuda::memory" | "gadgetron::cuda::capabilities" => String::new(),
            _ => UNKNOWN.to_owned(),
        }
    }
}

impl std::fmt::Display for ServerInformation {
    /// The block that `--info` prints.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let support = |on: bool| if on { "YES" } else { "NO" };
        writeln!(formatter, "Gadgetron Version Info")?;
        writeln!(formatter, "  -- Version            : {}", self.version)?;
        writeln!(formatter, "  -- Git SHA1           : {}", self.build)?;
        writeln!(formatter, "  -- System Memory size : {} MB", self.memory_bytes >> 20)?;
        writeln!(formatter, "  -- Python Support     : {}", support(self.python))?;
        writeln!(formatter, "  -- Julia Support      : {}", support(self.julia))?;
        writeln!(formatter, "  -- Matlab Support     : {}", support(self.matlab))?;
        writeln!(formatter, "  -- CUDA Support       : NO")?;
        writeln!(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_has_an_answer_and_others_are_unknown() {
        let information = ServerInformation {
            version: "4.7.2".into(),
            memory_bytes: 24105 << 20,
            ..ServerInformation::default()
        };
        for key in KEYS {
            assert_ne!(information.answer(key), UNKNOWN, "{key}");
        }
        assert_eq!(information.answer("gadgetron::info::memory"), "25275924480");
        assert_eq!(information.answer("gadgetron::nothing"), UNKNOWN);
    }
}
