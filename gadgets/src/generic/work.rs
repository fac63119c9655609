//! The loop of a gadget whose work is one call for each message, with state between the calls.

use engine::{BoxError, Input, Output};

/// Calls `work` for every message, one after the other, on the numeric threads, and sends what it returns.
pub(super) async fn each<S, In, Out>(
    mut state: S,
    mut input: Input<In>,
    mut output: Output<Out>,
    work: fn(&mut S, In) -> Result<Vec<Out>, BoxError>,
) -> Result<(), BoxError>
where
    S: Send + 'static,
    In: Send + 'static,
    Out: Send + 'static,
{
    while let Some(message) = input.next().await? {
        let (used, results) = engine::compute(move || {
            let results = work(&mut state, message);
            (state, results)
        })
        .await;
        state = used;
        for result in results? {
            output.send(result).await?;
        }
    }
    Ok(())
}
