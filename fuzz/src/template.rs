//! Data directories that a healthy engine left behind, made once and copied for each run.

use std::path::Path;
use std::sync::OnceLock;

use mainstem_env::Env;
use mainstem_env::sim::Sim;
use mainstem_log::{
    AppendOptions, Batch, Engine, EngineOptions, LogError, Maintenance, Shard, ShardName,
    ShardOptions,
};

/// The data directory in the simulated machine.
pub(crate) const DIR: &str = "/data";
/// The directory of its shard.
pub(crate) const SHARD_DIR: &str = "/data/shards/s";

/// A machine whose engine was closed, or ended without a word, and what was appended to its shard.
pub(crate) struct Template {
    sim: Sim,
    pub(crate) payloads: Vec<Vec<u8>>,
}

impl Template {
    /// A copy of the machine.
    pub(crate) fn sim(&self) -> Sim {
        self.sim.snapshot()
    }
}

/// The template of this number: one, several and many segments; crashed and closed.
pub(crate) fn template(choice: u8) -> &'static Template {
    static TEMPLATES: OnceLock<Vec<Template>> = OnceLock::new();
    let templates = TEMPLATES.get_or_init(|| {
        let shapes = [(0, 1), (3, 1), (40, 2), (60, 5)];
        let build = |(appends, batch)| [make(appends, batch, false), make(appends, batch, true)];
        shapes.into_iter().flat_map(build).collect()
    });
    &templates[usize::from(choice) % templates.len()]
}

/// Runs an engine that appends `appends` batches of up to `batch` records each.
fn make(appends: usize, batch: usize, is_closed: bool) -> Template {
    let sim = Sim::new(7);
    let mut payloads = Vec::new();
    {
        let engine = engine(&sim.env()).expect("an engine in an empty directory");
        let name = shard_name();
        let shard = engine
            .create_shard(&name, shard_options())
            .expect("a shard");
        for append in 0..appends {
            let records = payload_lens(append).take(batch);
            let records: Vec<Vec<u8>> = records
                .map(|len| vec![u8::try_from(len).expect("at most 150") ^ 0x5A; len])
                .collect();
            let mut batch = Batch::new();
            for record in &records {
                batch.push(record).expect("a small record");
            }
            let appended = shard.append(&batch, AppendOptions::default());
            assert_eq!(appended.expect("room").seqs.start.0, payloads.len() as u64);
            payloads.extend(records);
        }
        if is_closed {
            engine.close().expect("an orderly close");
        } else {
            // The copy is made before the engine goes: going, it would close in good order.
            let crashed = sim.process_crash();
            return Template {
                sim: crashed,
                payloads,
            };
        }
    }
    Template { sim, payloads }
}

/// Sizes of records, different for each batch, empty ones among them.
fn payload_lens(append: usize) -> impl Iterator<Item = usize> {
    (0..).map(move |record: usize| (append * 37 + record * 11) % 150)
}

pub(crate) fn engine(env: &Env) -> Result<Engine, LogError> {
    let mut options = EngineOptions::default();
    options.maintenance = Maintenance::ByCaller;
    Engine::open(env, Path::new(DIR), options)
}

pub(crate) fn shard(engine: &Engine) -> Result<Shard, LogError> {
    engine.shard(&shard_name(), shard_options())
}

pub(crate) fn shard_name() -> ShardName {
    ShardName::new("s").expect("a valid name")
}

/// The smallest segments there are. Nothing is filled ahead: that takes threads, and a run must be
/// the same each time.
fn shard_options() -> ShardOptions {
    let mut options = ShardOptions::default();
    options.segment_bytes = 4096;
    options.queued_bytes_max = 64 << 10;
    options.prewrite_bytes = 0;
    options
}
