//! The behaviours of the real and the simulated world, one file each.

#[cfg(test)]
mod power_loss_finds_planted_bugs;
