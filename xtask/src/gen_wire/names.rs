//! From the model's names to Rust's.

/// Splits a name of the model into lower-case words.
///
/// `StreamARN` gives `stream arn`, `MaxRecordSizeInKiB` `max record size in kib`.
fn words(name: &str) -> Vec<String> {
    let mut text = name.to_owned();
    for (from, to) in [
        ("KiB", "Kib"),
        ("MiBps", "Mibps"),
        ("ARN", "Arn"),
        ("KMS", "Kms"),
    ] {
        text = text.replace(from, to);
    }
    let mut words: Vec<String> = Vec::new();
    let mut after_lower = false;
    for c in text.chars() {
        match words.last_mut() {
            Some(word) if c != '_' && !(c.is_uppercase() && after_lower) => {
                word.extend(c.to_lowercase());
            }
            _ => words.push(c.to_lowercase().filter(|c| *c != '_').collect()),
        }
        after_lower = c.is_lowercase() || c.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Returns `name` as a Rust field: `StreamARN` becomes `stream_arn`.
pub(crate) fn field(name: &str) -> String {
    let joined = words(name).join("_");
    if joined == "type" {
        "r#type".to_owned()
    } else {
        joined
    }
}

/// Returns `name` as a Rust static: `StreamARN` becomes `STREAM_ARN`.
pub(crate) fn constant(name: &str) -> String {
    words(name).join("_").to_uppercase()
}

/// Returns an enumeration's value as a Rust variant: `TRIM_HORIZON` becomes `TrimHorizon`.
pub(crate) fn variant(value: &str) -> String {
    let value = if value.chars().any(char::is_lowercase) {
        words(value)
    } else {
        value.to_lowercase().split('_').map(str::to_owned).collect()
    };
    value
        .iter()
        .map(|word| {
            let mut chars = word.chars();
            chars.next().map_or_else(String::new, |first| {
                first.to_uppercase().chain(chars).collect::<String>()
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casing() {
        for (name, expected) in [
            ("StreamARN", "stream_arn"),
            ("MaxRecordSizeInKiB", "max_record_size_in_kib"),
            ("WarmThroughputMiBps", "warm_throughput_mibps"),
            ("Type", "r#type"),
            ("ShardId", "shard_id"),
            ("KMSDisabledException", "kms_disabled_exception"),
        ] {
            assert_eq!(field(name), expected);
        }
        assert_eq!(constant("StreamARN"), "STREAM_ARN");
        assert_eq!(variant("AT_TRIM_HORIZON"), "AtTrimHorizon");
        assert_eq!(variant("IncomingBytes"), "IncomingBytes");
        assert_eq!(variant("KMS"), "Kms");
    }
}
