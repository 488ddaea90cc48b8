//! From the log's errors to those of the seam.

use std::sync::Arc;

use mainstem_log::LogError;

use crate::engine::{EngineError, LogName};

/// Says an error of `log` in the words of the seam.
pub(super) fn engine_error(log: &LogName, error: LogError) -> EngineError {
    let log = log.clone();
    match error {
        LogError::UnexpectedPosition { expected, actual } => EngineError::Fenced {
            log,
            expected,
            next: actual,
        },
        LogError::Trimmed { oldest } => EngineError::Trimmed { log, oldest },
        LogError::ShardNotFound(_) => EngineError::NotFound { log },
        LogError::ShardExists(_) => EngineError::Exists { log },
        LogError::RecordTooLarge { .. } | LogError::BatchTooLarge { .. } => EngineError::TooLarge {
            log,
            source: Arc::new(error),
        },
        LogError::StorageFull { .. } => EngineError::Full {
            log,
            source: Arc::new(error),
        },
        LogError::SyncFailed { .. } | LogError::CommitterPanicked { .. } => {
            EngineError::Ambiguous {
                log,
                source: Arc::new(error),
            }
        }
        LogError::Corrupt { .. } | LogError::ReadOnly { .. } => EngineError::Corrupt {
            log,
            source: Arc::new(error),
        },
        // Whatever else there is, now or later, keeps the caller from the log and changed nothing.
        _ => EngineError::Unavailable {
            log,
            source: Arc::new(error),
        },
    }
}
