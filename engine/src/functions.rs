//! Gadgets from functions.

use std::marker::PhantomData;

use crate::{BoxError, Gadget, Input, Output, PureGadget};

/// A marker of types that a function takes and gives, without owning any.
type Marker<I, O> = PhantomData<fn(I) -> O>;

/// A gadget that applies `function` to each message, in the task itself: for quick functions.
pub fn map<I, O, F: FnMut(I) -> O + Send + 'static>(function: F) -> Map<F, I, O> {
    Map(function, PhantomData)
}

/// Made by [`map`].
#[derive(Debug)]
pub struct Map<F, I, O>(F, Marker<I, O>);

impl<F, I, O> Gadget for Map<F, I, O>
where
    F: FnMut(I) -> O + Send + 'static,
    I: Send + 'static,
    O: Send + 'static,
{
    type In = I;
    type Out = O;

    fn name(&self) -> Option<String> {
        Some("map".to_owned())
    }

    async fn run(mut self, mut input: Input<I>, mut output: Output<O>) -> Result<(), BoxError> {
        while let Some(value) = input.next().await? {
            output.send((self.0)(value)).await?;
        }
        Ok(())
    }
}

/// As [`map`], with a function that may fail: its error ends the run.
pub fn try_map<I, O, E: Into<BoxError>, F>(function: F) -> TryMap<F, I, O>
where
    F: FnMut(I) -> Result<O, E> + Send + 'static,
{
    TryMap(function, PhantomData)
}

/// Made by [`try_map`].
#[derive(Debug)]
pub struct TryMap<F, I, O>(F, Marker<I, O>);

impl<F, I, O, E> Gadget for TryMap<F, I, O>
where
    F: FnMut(I) -> Result<O, E> + Send + 'static,
    E: Into<BoxError>,
    I: Send + 'static,
    O: Send + 'static,
{
    type In = I;
    type Out = O;

    fn name(&self) -> Option<String> {
        Some("try_map".to_owned())
    }

    async fn run(mut self, mut input: Input<I>, mut output: Output<O>) -> Result<(), BoxError> {
        while let Some(value) = input.next().await? {
            let value = (self.0)(value).map_err(Into::into)?;
            output.send(value).await?;
        }
        Ok(())
    }
}

/// A gadget from an async function of its two ends.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use engine::{Compose, Input, Output, gadget_fn};
///
/// let every_other = gadget_fn(async |mut input: Input<u32>, mut output: Output<u32>| {
///     while let Some(value) = input.next().await? {
///         output.send(value).await?;
///         input.next().await?;
///     }
///     Ok(())
/// });
/// let mut kept = Vec::new();
/// every_other.run_over(futures::stream::iter(0..5), &mut kept).await.unwrap();
/// assert_eq!(kept, [0, 2, 4]);
/// # });
/// ```
pub fn gadget_fn<I, O, F, R>(function: F) -> GadgetFn<F, I, O>
where
    F: FnOnce(Input<I>, Output<O>) -> R + Send + 'static,
    R: Future<Output = Result<(), BoxError>> + Send,
{
    GadgetFn(function, PhantomData)
}

/// Made by [`gadget_fn`].
#[derive(Debug)]
pub struct GadgetFn<F, I, O>(F, Marker<I, O>);

impl<F, R, I, O> Gadget for GadgetFn<F, I, O>
where
    F: FnOnce(Input<I>, Output<O>) -> R + Send + 'static,
    R: Future<Output = Result<(), BoxError>> + Send,
    I: Send + 'static,
    O: Send + 'static,
{
    type In = I;
    type Out = O;

    fn name(&self) -> Option<String> {
        Some("gadget_fn".to_owned())
    }

    fn run(self, input: Input<I>, output: Output<O>) -> impl Future<Output = Result<(), BoxError>> + Send {
        (self.0)(input, output)
    }
}

/// Passes everything on: a lane that changes nothing.
pub fn forward<T>() -> Forward<T> {
    Forward(PhantomData)
}

/// Made by [`forward`].
#[derive(Debug)]
pub struct Forward<T>(Marker<T, T>);

impl<T: Send + 'static> Gadget for Forward<T> {
    type In = T;
    type Out = T;

    async fn run(self, mut input: Input<T>, mut output: Output<T>) -> Result<(), BoxError> {
        while let Some(value) = input.next().await? {
            output.send(value).await?;
        }
        Ok(())
    }
}

/// A pure gadget as a gadget, one message at a time in the task itself: for quick ones. [`par_map`](crate::par_map())
/// takes it to the numeric threads.
pub fn lift<P: PureGadget>(gadget: P) -> Lift<P> {
    Lift(gadget)
}

/// Made by [`lift`].
#[derive(Clone, Debug)]
pub struct Lift<P>(P);

impl<P: PureGadget> Gadget for Lift<P> {
    type In = P::In;
    type Out = P::Out;

    fn name(&self) -> Option<String> {
        Some(crate::gadget::short_type_name::<P>())
    }

    async fn run(self, mut input: Input<P::In>, mut output: Output<P::Out>) -> Result<(), BoxError> {
        while let Some(value) = input.next().await? {
            output.send(self.0.process(value)?).await?;
        }
        Ok(())
    }
}

/// A pure gadget from a function.
pub fn pure_fn<I, O, F: Fn(I) -> O + Send + Sync + 'static>(function: F) -> PureFn<F, I, O> {
    PureFn(function, PhantomData)
}

/// Made by [`pure_fn`].
#[derive(Clone, Debug)]
pub struct PureFn<F, I, O>(F, Marker<I, O>);

impl<F, I, O> PureGadget for PureFn<F, I, O>
where
    F: Fn(I) -> O + Send + Sync + 'static,
    I: Send + 'static,
    O: Send + 'static,
{
    type In = I;
    type Out = O;

    fn process(&self, input: I) -> Result<O, BoxError> {
        Ok((self.0)(input))
    }
}

/// A pure gadget from a function that may fail.
pub fn try_pure_fn<I, O, E: Into<BoxError>, F>(function: F) -> TryPureFn<F, I, O>
where
    F: Fn(I) -> Result<O, E> + Send + Sync + 'static,
{
    TryPureFn(function, PhantomData)
}

/// Made by [`try_pure_fn`].
#[derive(Clone, Debug)]
pub struct TryPureFn<F, I, O>(F, Marker<I, O>);

impl<F, I, O, E> PureGadget for TryPureFn<F, I, O>
where
    F: Fn(I) -> Result<O, E> + Send + Sync + 'static,
    E: Into<BoxError>,
    I: Send + 'static,
    O: Send + 'static,
{
    type In = I;
    type Out = O;

    fn process(&self, input: I) -> Result<O, BoxError> {
        (self.0)(input).map_err(Into::into)
    }
}
