//! The data folder is for the node's own user alone: it holds personal records and keys.
//!
//! Every opening of a data folder goes through here, whoever started the program and with whatever umask. What an
//! earlier version or a careless copy has left open is closed.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use tracing::warn;

/// Rights of the owner; others have none.
const OWNER: u32 = 0o700;
/// Folders of the data folder whose files are all the node's own.
const OWN_FOLDERS: [&str; 2] = [super::JOURNAL_FOLDER, "index"];

/// Creates the folder for its owner alone, and takes from others what they may do in an existing one.
///
/// # Errors
/// When the folder cannot be created. A file system without rights, such as FAT, is not an error; it is logged.
pub(super) fn make(data: &Path) -> io::Result<()> {
    // What is created from now on, by the index too, which asks for no rights of its own.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    fs::DirBuilder::new().recursive(true).mode(OWNER).create(data)?;
    let closed = close(data).and_then(|()| close_files(data)).and_then(|()| {
        OWN_FOLDERS.iter().map(|name| data.join(name)).filter(|folder| folder.is_dir()).try_for_each(|f| close_all(&f))
    });
    if let Err(error) = closed {
        warn!(%error, "the data folder cannot be closed to other users of this machine");
    }
    Ok(())
}

/// Takes every right from everybody but the owner.
fn close(path: &Path) -> io::Result<()> {
    let mode = fs::symlink_metadata(path)?.permissions().mode() & 0o7777;
    if mode & !OWNER == 0 { Ok(()) } else { fs::set_permissions(path, Permissions::from_mode(mode & OWNER)) }
}

/// Closes the files directly in a folder. Links are left alone: what they point to may be somebody else's. So are
/// keys: one that others could read is not made safe by closing it, and its reader refuses it.
fn close_files(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let key = entry.path().extension().is_some_and(|end| end == "key");
        if entry.file_type()?.is_file() && !key {
            close(&entry.path())?;
        }
    }
    Ok(())
}

/// Closes a folder and all that is in it.
fn close_all(folder: &Path) -> io::Result<()> {
    close(folder)?;
    close_files(folder)?;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            close_all(&entry.path())?;
        }
    }
    Ok(())
}
