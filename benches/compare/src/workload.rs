//! What is put into the stores.

/// Sizes of a record and how the tables write them.
pub(crate) const SIZES: [(usize, &str); 2] = [(100, "100 B"), (1024, "1 KiB")];

/// Returns a payload of `bytes` bytes that compresses badly, as those of programs that care do.
pub(crate) fn payload(bytes: usize) -> Vec<u8> {
    let mut noise = Noise::default();
    let mut payload = Vec::with_capacity(bytes + 8);
    while payload.len() < bytes {
        payload.extend_from_slice(&noise.next().to_le_bytes());
    }
    payload.truncate(bytes);
    payload
}

/// Numbers without a pattern, the same in every run.
#[derive(Debug)]
pub(crate) struct Noise(u64);

impl Default for Noise {
    fn default() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }
}

impl Noise {
    /// Returns the next number: xorshift64 by Marsaglia.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Calls `put` with `count` times `payload`, in batches of up to `batch`.
pub(crate) fn fill(
    payload: &[u8],
    count: u64,
    batch: usize,
    mut put: impl FnMut(&[&[u8]]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let full = vec![payload; batch];
    let mut left = usize::try_from(count)?;
    while left > 0 {
        let some = full.get(..left.min(batch)).unwrap_or(&full);
        put(some)?;
        left -= some.len();
    }
    Ok(())
}
