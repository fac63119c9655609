//! One worker on another machine, as the engine sees it.

use std::{fmt, sync::Arc};

use engine::{BoxError, Link, Message, Worker};
use futures::{FutureExt, future::BoxFuture};

use crate::{
    Address, Parcel,
    link::{Connector, LinkLimits, Setup, open},
};

/// A worker behind an address.
pub struct Remote<C> {
    address: Address,
    shown: String,
    connector: Arc<C>,
    setup: Arc<Setup>,
    limits: LinkLimits,
}

impl<C> fmt::Debug for Remote<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Remote({})", self.shown)
    }
}

impl<C: Connector> Remote<C> {
    /// The worker at `address`, whose links are set up with `setup`.
    pub fn new(address: Address, connector: Arc<C>, setup: Arc<Setup>, limits: LinkLimits) -> Self {
        Self {
            shown: address.to_string(),
            address,
            connector,
            setup,
            limits,
        }
    }
}

impl<C: Connector> Worker<Parcel, Message> for Remote<C> {
    fn address(&self) -> &str {
        &self.shown
    }

    fn connect(&self) -> BoxFuture<'static, Result<Link<Parcel, Message>, BoxError>> {
        let connector = self.connector.clone();
        let (address, setup, limits) = (self.address.clone(), self.setup.clone(), self.limits);
        async move {
            let (ends, work) = open(connector, address, setup, limits)
                .await
                .map_err(|error| error.fault)?;
            let outcome = async move { work.await.map_err(|error| error.fault.into_outcome()) };
            Ok(Link {
                input: ends.input,
                output: ends.output,
                outcome: outcome.boxed(),
            })
        }
        .boxed()
    }
}
