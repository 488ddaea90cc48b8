//! All peers: a new one is a file here and a line in this list.

use super::store::Queue;
use crate::peer::peers;

peers! { dyn Queue:
    ours,
    sqlite,
    redb,
    fjall,
    yaque,
}
