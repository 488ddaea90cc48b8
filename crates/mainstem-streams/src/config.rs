//! What an owner of streams can choose.

use mainstem_types::{AccountId, Region, limits};

/// The settings of [`crate::Streams`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamsConfig {
    /// The region in the ARNs of new streams. Default `us-east-1`.
    pub region: Region,
    /// The account in the ARNs of new streams and in messages. Default `000000000000`.
    pub account: AccountId,
    /// How long a new stream is CREATING and a deleted one DELETING, in milliseconds. Default 100;
    /// 0 makes both immediate. Longer shows clients' waiting loops; shorter makes tests fast.
    pub transition_ms: u64,
    /// Most open shards of all provisioned streams together. Default
    /// [`limits::SHARDS_MAX`].
    pub shards_max: u32,
    /// Most on-demand streams. Default [`limits::ON_DEMAND_STREAMS_MAX`].
    pub on_demand_streams_max: u32,
    /// Most streams that may be CREATING at once. Default [`limits::STREAMS_CREATING_MAX`].
    pub creating_streams_max: usize,
}

impl Default for StreamsConfig {
    fn default() -> Self {
        Self {
            region: Region::default(),
            account: AccountId::DEFAULT,
            transition_ms: TRANSITION_MS_DEFAULT,
            shards_max: limits::SHARDS_MAX,
            on_demand_streams_max: limits::ON_DEMAND_STREAMS_MAX,
            creating_streams_max: limits::STREAMS_CREATING_MAX,
        }
    }
}

/// Long enough for a client's waiting loop to see the state, short enough for tests.
const TRANSITION_MS_DEFAULT: u64 = 100;
