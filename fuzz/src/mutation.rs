//! Changes to the files of a data directory, as the input says.

use std::path::PathBuf;

use mainstem_env::sim::Sim;
use mainstem_log::SeqNo;
use mainstem_log::format::names;

use crate::checksums::{self, Kind};
use crate::input::Input;
use crate::template::SHARD_DIR;

/// What kinds of change were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Something is not as the engine left it.
    pub(crate) any: bool,
    /// A checksum was made to fit something that the engine never wrote: what is read back may then
    /// be anything.
    pub(crate) forged: bool,
}

/// At most so many changes are made: more make runs slow and find no more.
const CHANGES_MAX: usize = 8;

/// Makes the changes that `input` describes.
pub(crate) fn apply(sim: &Sim, input: &mut Input<'_>) -> Damage {
    let mut damage = Damage::default();
    for _ in 0..CHANGES_MAX {
        if input.is_empty() {
            break;
        }
        change(sim, input, &mut damage);
        damage.any = true;
    }
    damage
}

fn change(sim: &Sim, input: &mut Input<'_>, damage: &mut Damage) {
    let action = input.u8();
    let files: Vec<PathBuf> = sim.files();
    let Some(path) = files.get(input.below(files.len())).cloned() else {
        return;
    };
    let mut bytes = sim.read_file(&path).unwrap_or_default();
    match action % 10 {
        // Bytes of a changed structure, with the checksum that fits them.
        0..=3 => {
            let kind = Kind::of(input.u8());
            let at = place(kind, &bytes, input);
            forge(kind, &mut bytes, at, sim, &path, input);
            damage.forged = true;
        }
        4 => overwrite(&mut bytes, input),
        5 => {
            let len = input.below(bytes.len() + 200);
            bytes.resize(len, 0);
        }
        6 => {
            // A stretch of this or another file, somewhere else.
            let other = files.get(input.below(files.len())).cloned();
            let other = other.and_then(|other| sim.read_file(other).ok());
            let other = other.unwrap_or_default();
            let from = input.below(other.len()) & !7;
            let stretch = &other[from..];
            let stretch = &stretch[..input.below(stretch.len() + 1)];
            let at = input.below(bytes.len() + 1) & !7;
            let end = (at + stretch.len()).max(bytes.len());
            bytes.resize(end, 0);
            bytes[at..at + stretch.len()].copy_from_slice(stretch);
        }
        7 => {
            // The file is gone.
            let removed = sim.env().fs.unlink(&path);
            removed.expect("a file that was listed");
            return;
        }
        8 => {
            // Another name in the shard's directory gets these contents.
            let base = SeqNo(u64::from(input.u16()));
            let name = if input.u8().is_multiple_of(2) {
                names::segment(base)
            } else {
                names::index(base)
            };
            let path = PathBuf::from(SHARD_DIR).join(name);
            if sim.write_raw(&path, &bytes).is_err() {
                // Its directory may be gone.
                assert!(sim.env().fs.metadata(SHARD_DIR.as_ref()).is_ok());
            }
            return;
        }
        _ => {
            // All of the file is what the input says, as it stands or with checksums that fit.
            bytes = input.rest().to_vec();
            if action >= 128 {
                checksums::mend_segment(&mut bytes);
                damage.forged = true;
            }
        }
    }
    sim.write_raw(&path, &bytes).expect("a file that exists");
}

fn overwrite(bytes: &mut Vec<u8>, input: &mut Input<'_>) {
    let at = input.below(bytes.len() + 1);
    let len = usize::from(input.u8() % 32);
    let new = input.bytes(len);
    let end = (at + new.len()).max(bytes.len());
    bytes.resize(end, 0);
    bytes[at..at + new.len()].copy_from_slice(new);
}

/// Where in the file a structure of `kind` lies, one of those there are.
fn place(kind: Kind, bytes: &[u8], input: &mut Input<'_>) -> usize {
    let choice = usize::from(input.u8());
    match kind {
        Kind::SegmentHeader | Kind::Engine | Kind::Clean => 0,
        Kind::Footer => bytes.len().saturating_sub(64),
        Kind::IndexEntry => 16 * (choice % (bytes.len() / 16 + 1)),
        Kind::Group | Kind::Frame => {
            let starts = starts(kind, bytes);
            let nth = choice.checked_rem(starts.len()).unwrap_or(0);
            starts.get(nth).copied().unwrap_or(64)
        }
    }
}

/// The positions of groups or frames, from the start of a segment to the first thing that is neither.
fn starts(kind: Kind, bytes: &[u8]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut at = 64;
    while let Some(rest) = bytes.get(at..).filter(|rest| rest.len() >= 4) {
        let is_frame = rest[3] & 0x80 != 0;
        let found = if is_frame { Kind::Frame } else { Kind::Group };
        let Some(len) = found.len(rest) else { break };
        if !is_frame && !rest.starts_with(b"GRP1") {
            break;
        }
        if found == kind {
            starts.push(at);
        }
        at += len;
    }
    starts
}

/// Changes fields of the structure at `at` and makes it verify again.
fn forge(
    kind: Kind,
    bytes: &mut [u8],
    at: usize,
    sim: &Sim,
    path: &std::path::Path,
    input: &mut Input<'_>,
) {
    // An index file carries no salt: it goes by that of its segment.
    let salt = if path.extension().is_some_and(|extension| extension == "idx") {
        let segment = sim.read_file(path.with_extension("seg"));
        checksums::salt_of(&segment.unwrap_or_default())
    } else {
        checksums::salt_of(bytes)
    };
    let Some(len) = bytes.get(at..).and_then(|rest| kind.len(rest)) else {
        return;
    };
    let block = &mut bytes[at..at + len];
    let fields = 1 + input.u8() % 3;
    for _ in 0..fields {
        let field = 4 * input.below(len / 4 + 1);
        let new: &[u8] = match input.u8() % 4 {
            0 => &[0; 4],
            1 => &[0xFF; 4],
            2 => &(input.u32() % 8192).to_le_bytes(),
            _ => input.bytes(4),
        };
        if let Some(place) = block.get_mut(field..field + new.len()) {
            place.copy_from_slice(new);
        }
    }
    // A frame's own length may have changed.
    let len = kind.len(&bytes[at..]).unwrap_or(len);
    checksums::mend(kind, &mut bytes[at..at + len], salt);
}
