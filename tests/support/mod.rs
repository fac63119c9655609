//! What the tests of whole programs share.

use std::path::{Path, PathBuf};

pub(crate) mod compare;
pub(crate) mod process;

/// A file of the tests' data.
pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// A configuration that is nothing but a way to workers and back.
pub(crate) const PASS_ON: &str = "<configuration><version>2</version>
    <readers><reader><classname>GadgetIsmrmrdAcquisitionMessageReader</classname></reader></readers>
    <writers><writer><classname>GadgetIsmrmrdAcquisitionMessageWriter</classname></writer></writers>
    <stream><puredistributed>
        <readers><reader><classname>GadgetIsmrmrdAcquisitionMessageReader</classname></reader></readers>
        <writers><writer><classname>GadgetIsmrmrdAcquisitionMessageWriter</classname></writer></writers>
        <purestream/>
    </puredistributed></stream></configuration>";
