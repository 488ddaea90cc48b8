//! What was measured: kept as raw numbers, and shown as tables and charts.

mod charts;
mod figures;
mod goals;
mod page;
mod table;

pub(crate) use charts::Chart;
pub(crate) use figures::{Better, CaseReport, Figure, PeerReport, Report, float};
pub(crate) use goals::{Goal, Limit};
pub(crate) use page::{Page, redraw};
