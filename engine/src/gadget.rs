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
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a gadget",
    note = "implement `engine::Gadget`, or make one of a function with `engine::map`, `engine::gadget_fn` or `engine::par_map`"
)]
pub trait Gadget: Send + 'static {
    /// What it reads.
    type In: Send + 'static;
    /// What it writes.
    type Out: Send + 'static;

    /// Its name in the paths of errors and in the figures. A combinator has none: it runs its parts in its place.
    fn name(&self) -> Option<String> {
        Some(short_type_name::<Self>())
    }

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

/// The name of a type without its modules and its parameters.
pub(crate) fn short_type_name<T: ?Sized>() -> String {
    let name = std::any::type_name::<T>();
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name).to_owned()
}
