//! Iterators and tokens: any text, and any body under a seal that fits.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use mainstem_streams::{
    GetRecordsInput, GetRecordsOutput, IteratorType, ListShardsInput, ListStreamsInput,
    ShardIteratorInput, StreamsError,
};
use sha2::Sha256;

use crate::input::Input;
use crate::world::{KEY, RECORDS, World, data};

/// What lies in front of a body: eight bytes that are always the same, the kind, and chance.
const PREFIX_BYTES: usize = 24;
const MAC_BYTES: usize = 32;

/// Reads that follow one another at most.
const READS_MAX: u64 = RECORDS + 2;

/// One run.
pub fn run(bytes: &[u8]) {
    let mut input = Input(bytes);
    let world = World::on_disk();
    match input.u8() % 4 {
        0 => {
            if let Ok(text) = std::str::from_utf8(input.rest()) {
                present(world, text);
            }
        }
        // A text that was issued, with some bytes changed, and a seal that fits.
        1 | 2 => {
            let mut sealed = issued(world, input.u8());
            let is_resized = input.u8() % 8 == 0;
            if is_resized {
                sealed.resize(input.below(2 * sealed.len()), 0);
            }
            while !input.is_empty() {
                let at = input.below(sealed.len());
                let len = usize::from(input.u8() % 9);
                for (place, byte) in sealed.iter_mut().skip(at).zip(input.bytes(len)) {
                    *place = *byte;
                }
            }
            present(world, &seal(&sealed));
        }
        // A body of its own.
        _ => {
            let kind = 1 + input.u8() % 3;
            let mut sealed = vec![0, 0, 0, 0, 0, 0, 0, 1, kind];
            sealed.resize(PREFIX_BYTES, 0);
            sealed.extend_from_slice(input.rest());
            present(world, &seal(&sealed));
        }
    }
}

/// What was sealed in a text that the streams gave out themselves.
fn issued(world: &World, choice: u8) -> Vec<u8> {
    let iterator = |iterator_type| {
        world.streams.shard_iterator(&ShardIteratorInput {
            stream: &world.few,
            shard: "0",
            iterator_type,
            starting_sequence_number: None,
            timestamp_ms: None,
        })
    };
    let text = match choice % 4 {
        0 => iterator(IteratorType::TrimHorizon),
        1 => iterator(IteratorType::Latest),
        2 => {
            let listed = world.streams.list_shards(&ListShardsInput {
                stream: Some(&world.many),
                max_results: Some(2),
                ..ListShardsInput::default()
            });
            listed.map(|it| it.next_token.expect("more than two shards"))
        }
        _ => {
            let listed = world.streams.list_streams(&ListStreamsInput {
                limit: Some(1),
                ..ListStreamsInput::default()
            });
            listed.map(|it| it.next_token.expect("more than one stream"))
        }
    };
    let bytes = STANDARD.decode(text.expect("valid arguments"));
    let mut bytes = bytes.expect("base64");
    bytes.truncate(bytes.len() - MAC_BYTES);
    bytes
}

/// The text of `sealed` and a MAC that fits.
fn seal(sealed: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&KEY).expect("any length will do");
    mac.update(sealed);
    let mut bytes = sealed.to_vec();
    bytes.extend_from_slice(&mac.finalize().into_bytes());
    STANDARD.encode(bytes)
}

/// Uses a text as everything that it could be. What is accepted leads on to what is accepted, too.
fn present(world: &World, text: &str) {
    let streams = &world.streams;
    let mut next = read(world, text).ok();
    let mut reads = 0;
    while let Some(output) = next.take() {
        reads += 1;
        if output.records.is_empty() || reads > READS_MAX {
            break;
        }
        if let Some(iterator) = &output.next_shard_iterator {
            next = Some(read(world, iterator).expect("an iterator that was just given out"));
        }
    }
    let shards = |token: &str| {
        streams.list_shards(&ListShardsInput {
            next_token: Some(token),
            max_results: Some(1),
            ..ListShardsInput::default()
        })
    };
    if let Ok(page) = shards(text) {
        assert!(page.shards.len() <= 1);
        if let Some(token) = &page.next_token {
            shards(token).expect("a token that was just given out");
        }
    }
    let listed = streams.list_streams(&ListStreamsInput {
        next_token: Some(text),
        ..ListStreamsInput::default()
    });
    if let Ok(page) = listed {
        assert!(page.streams.len() <= 2);
    }
}

fn read(world: &World, iterator: &str) -> Result<GetRecordsOutput, StreamsError> {
    let output = world.streams.records(&GetRecordsInput {
        shard_iterator: iterator,
        limit: None,
        stream_arn: None,
    })?;
    let mut before = None;
    for record in &output.records {
        assert_eq!(
            output.stream, world.few,
            "there are records in one stream only"
        );
        let index = record.sequence_number.sequence_index();
        assert!(
            index <= RECORDS && Some(index) > before,
            "records are in order"
        );
        before = Some(index);
        assert_eq!(record.data, data(index - 1), "other data as record {index}");
        assert_eq!(record.partition_key.as_deref(), Some("key"));
    }
    Ok(output)
}
