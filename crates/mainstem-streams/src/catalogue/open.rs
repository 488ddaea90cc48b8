//! Reading the catalogue when streams are opened.

use std::collections::BTreeMap;

use mainstem_env::Random;
use mainstem_types::StreamName;

use super::{StreamMeta, decode_stream};
use crate::error::OpenError;
use crate::meta::{MetaChange, MetaStore, MetaTable};

/// Everything the store says.
#[derive(Debug)]
pub(crate) struct Catalogue {
    pub(crate) streams: BTreeMap<StreamName, StreamMeta>,
    /// Seconds that the sequence numbers of deleted streams have used, by stream name.
    pub(crate) retired: BTreeMap<String, u64>,
    pub(crate) token_key: [u8; TOKEN_KEY_BYTES],
}

/// Reads the whole catalogue, and makes the key of iterators and tokens if there is none yet.
///
/// # Errors
/// [`OpenError::Meta`] from the store, [`OpenError::Corrupt`] if a value makes no sense,
/// [`OpenError::Random`] if the system has no randomness.
pub(crate) fn load(store: &dyn MetaStore, random: &dyn Random) -> Result<Catalogue, OpenError> {
    let mut streams = BTreeMap::new();
    for (key, value) in store.scan(MetaTable::Streams)? {
        let stream =
            decode_stream(&key, &value).map_err(|what| corrupt(MetaTable::Streams, &key, &what))?;
        streams.insert(stream.name().clone(), stream);
    }
    let mut retired = BTreeMap::new();
    for (key, value) in store.scan(MetaTable::Retired)? {
        let epoch_s = serde_json::from_slice(&value)
            .map_err(|error| corrupt(MetaTable::Retired, &key, &error.to_string()))?;
        retired.insert(key, epoch_s);
    }
    Ok(Catalogue {
        streams,
        retired,
        token_key: token_key(store, random)?,
    })
}

fn token_key(
    store: &dyn MetaStore,
    random: &dyn Random,
) -> Result<[u8; TOKEN_KEY_BYTES], OpenError> {
    if let Some(stored) = store.value(MetaTable::Store, TOKEN_KEY)? {
        return stored
            .try_into()
            .map_err(|_| corrupt(MetaTable::Store, TOKEN_KEY, "wrong length"));
    }
    let mut key = [0; TOKEN_KEY_BYTES];
    random.fill(&mut key).map_err(OpenError::Random)?;
    store.commit(&[MetaChange::Put {
        table: MetaTable::Store,
        key: TOKEN_KEY.to_owned(),
        value: key.to_vec(),
    }])?;
    Ok(key)
}

fn corrupt(table: MetaTable, key: &str, what: &str) -> OpenError {
    OpenError::Corrupt {
        what: format!("value {key} of table {}: {what}", table.name()),
    }
}

/// Where the key of iterators and tokens lies in [`MetaTable::Store`].
const TOKEN_KEY: &str = "token_key";

/// Bytes of the key: as many as the output of SHA-256, so that a longer one would gain nothing.
const TOKEN_KEY_BYTES: usize = 32;
