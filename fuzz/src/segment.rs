//! Any bytes as the files of a shard: opening and reading ends with an error or the right records.

use std::path::Path;

use mainstem_env::sim::Sim;
use mainstem_log::{LogError, Offline, SeqNo, Shard, Start};

use crate::decoders;
use crate::input::Input;
use crate::mutation::{self, Damage};
use crate::template::{self, Template};

/// Records that are read of one shard at most: none of the templates has as many.
const RECORDS_MAX: usize = 10_000;

/// One run.
///
/// # Panics
/// When something was read that was not appended, or what nobody touched is refused.
pub fn run(data: &[u8]) {
    let mut input = Input(data);
    let mode = input.u8();
    if mode % 4 == 0 {
        return decoders::run(input);
    }
    let template = template::template(input.u8());
    let sim = template.sim();
    let damage = mutation::apply(&sim, &mut input);
    if mode % 4 == 1 {
        repair(&sim, damage);
    }
    open_and_read(&sim, template, damage);
    assert_eq!(sim.violation(), None);
}

/// Looks at the directory as the command line does, and repairs it. That it cannot be is no failure.
fn repair(sim: &Sim, damage: Damage) {
    let name = template::shard_name();
    let repaired = || -> Result<(), LogError> {
        let offline = Offline::open(&sim.env(), Path::new(template::DIR))?;
        offline.verify(&name, &mut |_| ())?;
        let cuts = offline.plan_repair(&name)?;
        offline.repair(&name, &cuts)?;
        let again = offline.plan_repair(&name)?;
        // A forged note of an orderly close can promise records that no repair can make room for.
        assert!(
            again.is_empty() || damage.forged,
            "one repair is enough, yet there is {again:?}"
        );
        Ok(())
    };
    let _refused = repaired();
}

/// Opens the engine, reads all there is, appends a record and reads that.
fn open_and_read(sim: &Sim, template: &Template, damage: Damage) {
    let opened = template::engine(&sim.env());
    let shard = opened.as_ref().map_err(Clone::clone);
    let shard = shard.and_then(template::shard);
    let Ok(shard) = shard else {
        assert!(damage.any, "what nobody touched opens: {:?}", shard.err());
        return;
    };
    let read = read_all(&shard, template, damage);
    if !damage.any {
        assert_eq!(read.expect("no damage").len(), template.payloads.len());
    }
    let Ok(appended) = shard.append_one(b"a new record") else {
        assert!(damage.any, "what nobody touched takes appends");
        return;
    };
    let read_back = || -> Result<(), LogError> {
        let mut cursor = shard.cursor(Start::At(appended.seqs.start))?;
        let record = cursor.next()?;
        let read = record.map(|record| (record.seq(), record.payload()));
        // A forged note of an orderly close may number records as it likes.
        if !damage.forged {
            assert_eq!(read, Some((appended.seqs.start, &b"a new record"[..])));
        }
        Ok(())
    };
    if let Err(error) = read_back() {
        assert!(damage.any, "what nobody touched reads: {error}");
    }
}

/// Reads from the oldest record to the end or the first error; returns their numbers.
fn read_all(shard: &Shard, template: &Template, damage: Damage) -> Result<Vec<SeqNo>, LogError> {
    let mut cursor = shard.cursor(Start::Oldest)?;
    let mut seqs: Vec<SeqNo> = Vec::new();
    while let Some(record) = cursor.next()? {
        let seq = record.seq();
        if let Some(before) = seqs.last() {
            assert!(seq > *before, "numbers rise");
        }
        if !damage.forged {
            let index = usize::try_from(seq.0).expect("a small number");
            let expected = template.payloads.get(index);
            assert_eq!(
                expected.map(Vec::as_slice),
                Some(record.payload()),
                "record {seq} is another than was appended"
            );
        }
        seqs.push(seq);
        assert!(seqs.len() <= RECORDS_MAX, "more records than bytes");
    }
    Ok(seqs)
}
