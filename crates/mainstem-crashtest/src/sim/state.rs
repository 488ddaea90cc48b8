//! Names one state of a disk: after which operation power was lost, how freely, and how everything
//! undecided was decided; and, after that was recovered and gone on with, the same again.

use std::fmt;
use std::str::FromStr;

use mainstem_env::sim::{Choices, Strictness};

/// How the undecided is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "explorers make all of them")]
pub enum Choice {
    /// All that was written is kept.
    KeepAll,
    /// All that was not synced is lost.
    DropAll,
    /// As the generator with this seed has it.
    Random(u64),
    /// Decision by decision.
    Script(Vec<u64>),
}

impl Choice {
    /// Returns the source of these decisions.
    pub fn choices(&self) -> Choices {
        match self {
            Self::KeepAll => Choices::keep_all(),
            Self::DropAll => Choices::drop_all(),
            Self::Random(seed) => Choices::random(*seed),
            Self::Script(script) => Choices::scripted(script),
        }
    }
}

/// One loss of power.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a loss is what stands in it")]
pub struct Loss {
    /// Operations of the disk that were done.
    pub at: u64,
    /// How freely the disk departs from what was written.
    pub strictness: Strictness,
    /// How it was decided.
    pub choice: Choice,
}

/// One loss of power, or several with a recovery and some more work between them.
///
/// Written as the losses in order, with a `+` between them: `120/StrictPosix/drop+4/Ext4Like/77`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a state is its losses")]
pub struct State {
    /// The losses, the first first.
    pub losses: Vec<Loss>,
}

impl State {
    /// Returns this state with a further loss.
    #[must_use]
    pub fn then(&self, loss: Loss) -> Self {
        let mut losses = self.losses.clone();
        losses.push(loss);
        Self { losses }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, loss) in self.losses.iter().enumerate() {
            let plus = if number > 0 { "+" } else { "" };
            write!(f, "{plus}{}/{:?}/", loss.at, loss.strictness)?;
            match &loss.choice {
                Choice::KeepAll => write!(f, "keep")?,
                Choice::DropAll => write!(f, "drop")?,
                Choice::Random(seed) => write!(f, "{seed}")?,
                Choice::Script(script) => {
                    let script: Vec<String> = script.iter().map(ToString::to_string).collect();
                    write!(f, "x{}", script.join("."))?;
                }
            }
        }
        Ok(())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let losses: Option<Vec<Loss>> = text.split('+').map(loss).collect();
        let losses = losses.ok_or_else(|| {
            format!(
                "`{text}` is no state: OPERATION/STRICTNESS/CHOICE, several with `+` between them"
            )
        })?;
        Ok(Self { losses })
    }
}

fn loss(text: &str) -> Option<Loss> {
    let mut parts = text.split('/');
    let (at, strictness, choice) = (parts.next()?, parts.next()?, parts.next()?);
    let choice = match (choice, choice.strip_prefix('x')) {
        ("keep", _) => Choice::KeepAll,
        ("drop", _) => Choice::DropAll,
        (_, Some("")) => Choice::Script(Vec::new()),
        (_, Some(script)) => {
            let script: Result<_, _> = script.split('.').map(str::parse).collect();
            Choice::Script(script.ok()?)
        }
        (seed, None) => Choice::Random(seed.parse().ok()?),
    };
    let loss = Loss {
        at: at.parse().ok()?,
        strictness: Strictness::ALL
            .into_iter()
            .find(|it| format!("{it:?}") == strictness)?,
        choice,
    };
    parts.next().is_none().then_some(loss)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_read_as_they_were_written() {
        for text in [
            "0/StrictPosix/keep",
            "12/Ext4Like/drop+3/PrefixOnly/77+0/StrictPosix/x0.1.2",
            "5/PrefixOnly/x",
        ] {
            let state: State = text.parse().unwrap();
            assert_eq!(state.to_string(), text);
        }
        for text in [
            "",
            "1/Ext4Like",
            "1/Ext3/keep",
            "1/Ext4Like/xx",
            "1/Ext4Like/keep/",
            "x/Ext4Like/1",
        ] {
            text.parse::<State>().unwrap_err();
        }
    }
}
