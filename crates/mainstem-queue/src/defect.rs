//! Deliberate defects, for tests that must be able to fail.
//!
//! A harness that never fails proves nothing. Each defect here breaks one thing that the queue does
//! on purpose; `mainstem-crashtest defects` switches them on one at a time and expects a check to
//! notice. The feature `defects` makes the switch: without it [`is_planted`] is a constant, the code
//! behind it is gone, and so is everything public in this module.

#[cfg(all(feature = "defects", not(debug_assertions)))]
compile_error!("the feature `defects` breaks the queue on purpose; it is for test builds only");

mainstem_env::defects! {
    of "the queue":
    /// An acknowledgement is answered and not written: after a crash the message comes back.
    AckNotWritten = "queue-ack-not-written",
    /// A delivery is handed out before it is written: what kills its consumers does so for ever.
    DeliveryNotWritten = "queue-delivery-not-written",
    /// The nonce of a receipt is not looked at: an old receipt ends a newer delivery.
    NonceNotChecked = "queue-nonce-not-checked",
    /// Attempts are not kept with the state: a message that kills its consumers never becomes a dead one.
    AttemptsForgotten = "queue-attempts-forgotten",
    /// Files are deleted though a consumer still wants messages in them: they are lost.
    WantedDeleted = "queue-wanted-deleted",
    /// Files are deleted before the state is written down that makes them superfluous: after a crash the
    /// queue does not open.
    DeletedBeforeSaved = "queue-deleted-before-saved",
    /// Deduplication ids are not kept with the state: after an opening, repeats are pushed again.
    DedupForgotten = "queue-dedup-forgotten",
    /// A transaction pushes and does not acknowledge: after a crash its input comes back.
    InputNotAcknowledged = "queue-input-not-acknowledged",
    /// The values of a transaction are written by themselves: a crash leaves a part of it.
    TransactionInParts = "queue-transaction-in-parts",
    /// Ordering keys are ignored: messages of one key are out at the same time.
    KeyIgnored = "queue-key-ignored",
    /// Delays are ignored: messages are delivered before they are due.
    DelayIgnored = "queue-delay-ignored",
    /// Why a message is dead is not written: nobody can tell.
    ReasonLost = "queue-reason-lost",
    /// That a message is dead is not kept with the state: after an opening it is delivered again.
    DeadForgotten = "queue-dead-forgotten",
    /// Values are not kept with the state: after an opening they are gone.
    ValuesForgotten = "queue-values-forgotten",
}
