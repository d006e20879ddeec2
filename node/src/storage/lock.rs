//! The exclusive lock on a data folder: two processes appending to one journal would destroy it.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use xiangyue_protocol::{Code, Refusal};

use super::{disk_error, private};

/// Name of the lock file. It is made once and never removed.
pub const LOCK_FILE: &str = "lock";

/// Holds the data folder for this process. Released when dropped, also by the kernel when the process dies.
#[derive(Debug)]
pub struct DataLock {
    // Held for its lock alone.
    _file: File,
}

impl DataLock {
    /// Takes the lock of `data`, creating the folder when it is not there, and closes it to other users.
    ///
    /// # Errors
    /// [`Code::InUse`] when another process holds it, [`Code::Disk`] when the folder cannot be used.
    pub fn acquire(data: &Path) -> Result<DataLock, Refusal> {
        private::make(data).map_err(|e| disk_error("data folder", &e))?;
        let path = data.join(LOCK_FILE);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| disk_error("lock file", &e))?;
        match file.try_lock() {
            Ok(()) => Ok(DataLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(Refusal::new(Code::InUse, data.display())),
            Err(TryLockError::Error(e)) => Err(disk_error("lock file", &e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_until_the_first_lets_go() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataLock::acquire(dir.path()).unwrap();
        assert_eq!(DataLock::acquire(dir.path()).unwrap_err().code(), Code::InUse);
        drop(first);
        DataLock::acquire(dir.path()).unwrap();
    }
}
