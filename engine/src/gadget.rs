//! The two kinds of gadget: the async transform and the pure function.

use std::future::Future;

use crate::{BoxError, Input, Output};

/// An async transform from a typed input channel to a typed output channel.
///
/// # Contract
/// - `run` is called once. It reads its input until `None` and returns `Ok(())`; when it returns, the stream behind
///   it ends.
/// - `Input::next` fails with [`Interrupted`](crate::Interrupted) when the stream broke off (a lost connection, an
///   error upstream). Pass it on with `?`: whatever was being gathered is incomplete and must not be flushed as if
///   it were whole.
/// - `Output::send` waits while the consumer is slow and fails with [`Closed`](crate::Closed) when nobody reads any
///   more. Pass that on with `?` too: it is a normal end, not a failure.
/// - A panic becomes an error with this gadget's path. The future may be dropped at any await.
///
/// ```
/// use engine::{BoxError, Gadget, Input, Output};
///
/// struct RunningSum;
///
/// impl Gadget for RunningSum {
///     type In = u32;
///     type Out = u64;
///     async fn run(self, mut input: Input<u32>, mut output: Output<u64>) -> Result<(), BoxError> {
///         let mut sum = 0;
///         while let Some(value) = input.next().await? {
///             sum += u64::from(value);
///             output.send(sum).await?;
///         }
///         Ok(())
///     }
/// }
/// # fn main() {}
/// ```
pub trait Gadget: Send + 'static {
    /// What it reads.
    type In: Send + 'static;
    /// What it writes.
    type Out: Send + 'static;

    /// Transforms the whole stream.
    fn run(
        self,
        input: Input<Self::In>,
        output: Output<Self::Out>,
    ) -> impl Future<Output = Result<(), BoxError>> + Send;
}

/// A pure function: one message in, one message out, no state, callable from many tasks at once.
pub trait PureGadget: Send + Sync + 'static {
    /// What it takes.
    type In: Send + 'static;
    /// What it gives.
    type Out: Send + 'static;

    /// Transforms one message.
    fn process(&self, input: Self::In) -> Result<Self::Out, BoxError>;
}
