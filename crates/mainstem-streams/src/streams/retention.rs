//! `IncreaseStreamRetentionPeriod` and `DecreaseStreamRetentionPeriod`.

use mainstem_types::{StreamName, limits};

use super::Streams;
use super::facade::Inner;
use crate::catalogue::StreamMeta;
use crate::error::StreamsError;

impl Streams {
    /// Keeps records for longer. Records that are out of the old retention do not come back.
    ///
    /// # Durability
    /// On `Ok`, the change survives a power cut.
    ///
    /// # Errors
    /// [`StreamsError::StreamNotFound`], [`StreamsError::StreamNotActive`]; `hours` outside
    /// [`limits::RETENTION_HOURS_MIN`] to [`limits::RETENTION_HOURS_MAX`], or below the retention.
    pub fn increase_retention(&self, name: &StreamName, hours: u32) -> Result<(), StreamsError> {
        self.inner.change_retention(name, hours, |existing| {
            (hours < existing).then(|| StreamsError::RetentionWouldShorten {
                hours,
                stream: name.clone(),
                existing,
            })
        })
    }

    /// Keeps records for less long; those that are too old then cannot be read any more.
    ///
    /// # Durability
    /// As [`Streams::increase_retention`].
    ///
    /// # Errors
    /// As [`Streams::increase_retention`], but refuses `hours` above the retention.
    pub fn decrease_retention(&self, name: &StreamName, hours: u32) -> Result<(), StreamsError> {
        self.inner.change_retention(name, hours, |existing| {
            (hours > existing).then(|| StreamsError::RetentionWouldLengthen {
                hours,
                stream: name.clone(),
                existing,
            })
        })
    }
}

impl Inner {
    fn change_retention(
        &self,
        name: &StreamName,
        hours: u32,
        refuse: impl Fn(u32) -> Option<StreamsError>,
    ) -> Result<(), StreamsError> {
        let control = self.control();
        self.stream(name)?;
        if hours < limits::RETENTION_HOURS_MIN {
            return Err(StreamsError::RetentionTooShort { hours });
        }
        if hours > limits::RETENTION_HOURS_MAX {
            return Err(StreamsError::RetentionTooLong { hours });
        }
        let stream = self.active_stream(name)?;
        let existing = stream.meta.retention_hours;
        if let Some(error) = refuse(existing) {
            return Err(error);
        }
        if hours == existing {
            return Ok(());
        }
        let meta = StreamMeta {
            retention_hours: hours,
            // The engine may not have deleted yet what the old retention hides; a longer one must
            // not show it again.
            readable_from_ms: stream.meta.horizon_ms(self.now_ms()),
            ..stream.meta.clone()
        };
        let stream = self.replace(&control, &stream, meta)?;
        for handle in stream.handles() {
            handle.apply_retention()?;
        }
        Ok(())
    }
}
