//! The end of old configurations: everything passes, texts are logged and end here.
//!
//! Answers to Gadgetron's `ImageFinishGadget`.

use engine::{BoxError, Gadget, Input, Output};

use crate::{Context, properties::NoProperties, registry::Configured};

/// Logs texts; everything else flows past it.
#[derive(Debug)]
pub struct ImageFinish;

impl Configured for ImageFinish {
    type Properties = NoProperties;

    fn new(_: NoProperties, _: &Context) -> Result<Self, BoxError> {
        Ok(Self)
    }
}

impl Gadget for ImageFinish {
    type In = String;
    type Out = String;

    async fn run(self, mut input: Input<String>, _output: Output<String>) -> Result<(), BoxError> {
        while let Some(text) = input.next().await? {
            tracing::info!(text, "a text reached the end of the stream");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use protocol::IsmrmrdHeader;

    use super::*;
    use crate::testing::{build, outputs};

    #[test]
    fn texts_end_here() {
        let gadget: ImageFinish = build(&[], &Context::new(IsmrmrdHeader::default())).unwrap();
        assert!(outputs(gadget, vec!["done".into()]).is_empty());
    }
}
