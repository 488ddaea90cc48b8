//! From a record to its shard.

use mainstem_types::{HashKey, HashKeyError, HashKeyRange};

use crate::catalogue::ShardMeta;

/// The open shards of a stream by hash key.
///
/// # Invariants
/// Sorted by range. The catalogue has checked that the ranges cover every hash key once.
#[derive(Debug)]
pub(crate) struct Routes(Vec<(HashKeyRange, usize)>);

impl Routes {
    /// Sorts the open ones of `shards`.
    pub(crate) fn new(shards: &[ShardMeta]) -> Self {
        let open = shards.iter().enumerate();
        let mut routes: Vec<_> = open
            .filter(|(_, shard)| shard.closed.is_none())
            .map(|(place, shard)| (shard.range, place))
            .collect();
        routes.sort_by_key(|(range, _)| range.start());
        Self(routes)
    }

    /// Returns the place in the stream's list of the open shard that owns `key`.
    pub(crate) fn shard_of(&self, key: HashKey) -> Option<usize> {
        let place = self.0.partition_point(|(range, _)| range.end() < key);
        let (range, shard) = self.0.get(place)?;
        range.contains(key).then_some(*shard)
    }
}

/// Returns the hash key of a record: the explicit one, or else that of its partition key.
///
/// # Errors
/// What is wrong with the explicit one.
pub(crate) fn hash_key(
    partition_key: &str,
    explicit_hash_key: Option<&str>,
) -> Result<HashKey, HashKeyError> {
    match explicit_hash_key {
        Some(text) => HashKey::parse(text),
        None => Ok(HashKey::of_partition_key(partition_key)),
    }
}

#[cfg(test)]
mod tests {
    use mainstem_types::ShardId;
    use std::num::NonZeroU32;

    use super::*;
    use crate::catalogue::Closed;
    use mainstem_log::SeqNo;

    fn shards(ranges: &[HashKeyRange]) -> Vec<ShardMeta> {
        let numbered = (0..).zip(ranges);
        numbered
            .map(|(index, &range)| ShardMeta {
                id: ShardId::new(index).unwrap(),
                parent: None,
                adjacent_parent: None,
                range,
                created_ms: 0,
                sequence_epoch_s: 0,
                closed: None,
            })
            .collect()
    }

    #[test]
    fn both_ends_of_each_range_lead_to_its_shard() {
        for count in [1, 2, 3, 7, 100] {
            let ranges = HashKeyRange::FULL.even_split(NonZeroU32::new(count).unwrap());
            let routes = Routes::new(&shards(&ranges));
            for (place, range) in ranges.iter().enumerate() {
                assert_eq!(routes.shard_of(range.start()), Some(place));
                assert_eq!(routes.shard_of(range.end()), Some(place));
            }
        }
    }

    #[test]
    fn closed_shards_get_nothing() {
        let halves = HashKeyRange::FULL.even_split(NonZeroU32::new(2).unwrap());
        let mut all = shards(&[HashKeyRange::FULL, halves[0], halves[1]]);
        all[0].closed = Some(Closed {
            at_ms: 1,
            end: SeqNo(0),
        });
        let routes = Routes::new(&all);
        assert_eq!(routes.shard_of(HashKey::MIN), Some(1));
        assert_eq!(routes.shard_of(HashKey::MAX), Some(2));
    }

    #[test]
    fn an_explicit_hash_key_comes_first() {
        let md5_of_a = HashKey(16_955_237_001_963_240_173_058_271_559_858_726_497);
        assert_eq!(hash_key("a", None), Ok(md5_of_a));
        assert_eq!(hash_key("a", Some("0")), Ok(HashKey::MIN));
        assert_eq!(
            hash_key("a", Some("340282366920938463463374607431768211456")),
            Err(HashKeyError::TooLarge)
        );
    }
}
