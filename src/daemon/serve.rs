//! The daemon's loop: it runs an agent until it is told to stop, and changes its configuration meanwhile.

use std::pin::pin;

use futures_util::stream::{Stream, StreamExt};

use crate::agent::{Agent, AgentConfig, Observer};
use crate::ports::Ports;

/// What a daemon is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Go on with another configuration, without losing leadership or an operation under way.
    Reconfigure(Box<AgentConfig>),
    /// Give up leadership and end (C8).
    Stop,
}

/// Runs an agent until it is told to stop, or nobody is left who could tell it.
pub async fn serve<P: Ports, O: Observer>(agent: &Agent<P, O>, orders: impl Stream<Item = Order>) {
    let mut orders = pin!(orders);
    let told_to_stop = async {
        while let Some(order) = orders.next().await {
            match order {
                Order::Reconfigure(config) => agent.reconfigure(*config),
                Order::Stop => return,
            }
        }
    };
    agent.run(told_to_stop).await;
}
