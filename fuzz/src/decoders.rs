//! The decoders by themselves: whatever one of them accepts is what its encoder writes.

use mainstem_log::SeqNo;
use mainstem_log::format::checksum::{FrameHasher, Salt};
use mainstem_log::format::footer::Footer;
use mainstem_log::format::frame;
use mainstem_log::format::group_header::GroupHeader;
use mainstem_log::format::index_entry::IndexEntry;
use mainstem_log::format::manifest::{self, EngineId};
use mainstem_log::format::names::{self, ShardFile};
use mainstem_log::format::segment_header::SegmentHeader;

use crate::checksums::{self, Kind};
use crate::input::Input;

/// Gives the input to one of the decoders, with its checksum mended or as it is.
pub(crate) fn run(mut input: Input<'_>) {
    let (choice, is_mended, salt) = (input.u8(), input.u8() % 2 == 1, input.u64());
    let mut bytes = input.rest().to_vec();
    if choice % 8 == 7 {
        return name(&bytes);
    }
    let kind = Kind::of(choice);
    if is_mended && let Some(len) = kind.len(&bytes) {
        checksums::mend(kind, &mut bytes[..len], salt);
    }
    let salt = Salt(salt);
    match kind {
        Kind::SegmentHeader => {
            if let Some(block) = bytes.first_chunk()
                && let Ok(header) = SegmentHeader::decode(block)
            {
                // Not every field means something in every header, so not the bytes.
                assert_eq!(SegmentHeader::decode(&header.encode()), Ok(header));
            }
        }
        Kind::Group => {
            if let Some(header) = GroupHeader::decode(&bytes, salt) {
                assert_eq!(header.encode(salt), bytes[..40]);
            }
        }
        Kind::Frame => one_frame(&bytes, salt),
        Kind::IndexEntry => {
            if let Some(entry) = IndexEntry::decode(&bytes, salt) {
                assert_eq!(entry.encode(salt), bytes[..16]);
            }
        }
        Kind::Footer => {
            if let Some(block) = bytes.first_chunk::<64>()
                && let Ok(footer) = Footer::decode(block, salt)
            {
                assert_eq!(&footer.encode(salt), block);
            }
        }
        Kind::Engine => {
            if let Ok(id) = manifest::decode_engine(&bytes) {
                assert_eq!(
                    manifest::decode_engine(&manifest::encode_engine(id)),
                    Ok(id)
                );
            }
        }
        Kind::Clean => {
            let id = bytes.get(12..28).and_then(|id| id.try_into().ok());
            let id = EngineId(id.unwrap_or_default());
            if let Ok(shards) = manifest::decode_clean(&bytes, id) {
                let encoded = manifest::encode_clean(id, &shards);
                assert_eq!(manifest::decode_clean(&encoded, id), Ok(shards));
            }
        }
    }
}

fn one_frame(bytes: &[u8], salt: Salt) {
    let seq = bytes.get(8..16).and_then(|seq| seq.first_chunk());
    let seq = SeqNo(seq.map_or(0, |seq| u64::from_le_bytes(*seq)));
    let mut hasher = FrameHasher::new(salt);
    let verified = frame::verify(bytes, seq, &mut hasher);
    let Ok(frame) = frame::decode(bytes, &mut hasher) else {
        assert_eq!(verified, None, "both ways of reading agree");
        return;
    };
    assert_eq!(verified, Some((frame.payload.len(), frame.time_ms)));
    let mut encoded = Vec::new();
    frame::push_unfinished(&mut encoded, frame.payload);
    if frame.batch_end {
        frame::mark_batch_end(&mut encoded);
    }
    frame::finish(&mut encoded, frame.seq, frame.time_ms, &mut hasher);
    assert_eq!(encoded, bytes[..frame.len]);
    assert_eq!(frame::time_ms(bytes), Some(frame.time_ms));
    assert_eq!(frame::lengths(&encoded).sum::<u64>(), encoded.len() as u64);
}

fn name(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match names::parse(text) {
        ShardFile::Segment(base) => assert_eq!(names::segment(base), text),
        ShardFile::Index(base) => assert_eq!(names::index(base), text),
        ShardFile::Other => {}
    }
}
