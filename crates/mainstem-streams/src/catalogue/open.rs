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
    /// `None` in a store that no streams were opened with yet.
    pub(crate) token_key: Option<TokenKey>,
}

/// The key of iterators and tokens: as long as the output of SHA-256, as a longer one would gain
/// nothing.
pub(crate) type TokenKey = [u8; 32];

/// Reads the whole catalogue.
///
/// # Errors
/// [`OpenError::Meta`] from the store, [`OpenError::Corrupt`] if a value makes no sense.
pub(crate) fn load(store: &dyn MetaStore) -> Result<Catalogue, OpenError> {
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
    let token_key = match store.value(MetaTable::Store, TOKEN_KEY)? {
        // It is there before the first stream.
        None if !streams.is_empty() => Err(corrupt(MetaTable::Store, TOKEN_KEY, "missing")),
        None => Ok(None),
        Some(stored) => {
            let key = TokenKey::try_from(stored);
            let key = key.map_err(|_| corrupt(MetaTable::Store, TOKEN_KEY, "wrong length"));
            key.map(Some)
        }
    };
    Ok(Catalogue {
        streams,
        retired,
        token_key: token_key?,
    })
}

/// Gives a new store its key, and so makes it one that streams were opened with.
///
/// # Errors
/// [`OpenError::Meta`] from the store, [`OpenError::Random`] if the system has no randomness.
pub(crate) fn adopt(store: &dyn MetaStore, random: &dyn Random) -> Result<TokenKey, OpenError> {
    let mut key = TokenKey::default();
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
