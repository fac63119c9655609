//! The handle of a graph that runs.

use tokio::task::JoinHandle;

use crate::{Error, Figures, NodePath, place::Place};

/// A graph that runs. Dropping it cancels the run.
#[derive(Debug)]
pub struct Running {
    task: JoinHandle<Result<(), Error>>,
    place: Place,
}

impl Running {
    /// Spawns `future` as the outermost task of a new run.
    pub(crate) fn spawn(future: impl Future<Output = Result<(), Error>> + Send + 'static) -> Self {
        let place = Place::default();
        let task = tokio::spawn(place.tasks.track_future(place.clone().scope(future)));
        Self { task, place }
    }

    /// Waits for the end of the run and of all its tasks; the first cause if it failed. That nobody reads the output
    /// any more is a normal end.
    pub async fn join(mut self) -> Result<(), Error> {
        let result = match (&mut self.task).await {
            Ok(result) => benign(result),
            Err(error) => Err(Error::new(NodePath::root(), error)),
        };
        self.all_gone().await;
        result
    }

    /// Ends the run now; completes when all its tasks are gone. The output breaks off.
    pub async fn cancel(self) {
        self.task.abort();
        self.all_gone().await;
    }

    async fn all_gone(&self) {
        self.place.tasks.close();
        self.place.tasks.wait().await;
    }

    /// Whether the run is over.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// The live figures of all nodes, to look at as often as wanted.
    pub fn figures(&self) -> Figures {
        self.place.figures.clone()
    }

    /// The number of tasks of the run that are alive.
    pub fn tasks(&self) -> usize {
        self.place.tasks.len()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn benign(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(error) if error.is_closed() => Ok(()),
        other => other,
    }
}
