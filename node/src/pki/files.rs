//! Small files that must be there whole after a power cut: keys and certificates.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustls::pki_types::CertificateDer;
use xiangyue_protocol::{Code, Refusal};
use zeroize::Zeroizing;

/// Readable by the node's own user alone.
pub(super) const SECRET: u32 = 0o600;
/// Readable by all.
pub(super) const PUBLIC: u32 = 0o644;

/// No key or certificate file is larger.
const MAX_BYTES: u64 = 64 * 1024;

/// Replaces `dir/name` by `bytes`: a temporary file, fsync, rename, fsync of the folder.
pub(super) fn write(dir: &Path, name: &str, bytes: &[u8], mode: u32) -> Result<(), Refusal> {
    replace(dir, name, bytes, mode).map_err(|error| disk(name, &error))
}

fn replace(dir: &Path, name: &str, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    let temporary = dir.join(format!("{name}.tmp"));
    // One left by a crash may have another mode, which opening it again would keep.
    match std::fs::remove_file(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, dir.join(name))?;
    File::open(dir)?.sync_all()
}

/// Reads a file that anyone may read.
pub(super) fn read(dir: &Path, name: &str) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    let file = File::open(dir.join(name)).map_err(|error| disk(name, &error))?;
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|error| disk(name, &error))?;
    Ok(bytes)
}

/// Reads a secret file, and refuses one that others on this machine could have read.
pub(super) fn read_secret(dir: &Path, name: &str) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let metadata = std::fs::metadata(dir.join(name)).map_err(|error| disk(name, &error))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(Refusal::new(Code::BadConfig, format_args!("{name} is readable by others (chmod 600)")));
    }
    read(dir, name).map(Zeroizing::new)
}

/// Whether the file is there.
pub(super) fn exists(dir: &Path, name: &str) -> bool {
    dir.join(name).exists()
}

fn disk(name: &str, error: &std::io::Error) -> Refusal {
    match error.kind() {
        ErrorKind::NotFound => Refusal::new(Code::KeptFile, name),
        ErrorKind::StorageFull => Refusal::new(Code::DiskFull, name),
        kind => Refusal::new(Code::Disk, format_args!("{name}: {kind}")),
    }
}

/// Certificates as PEM, one after the other.
pub(super) fn to_pem(certificates: &[CertificateDer<'_>]) -> String {
    let blocks: Vec<_> = certificates.iter().map(|der| pem::Pem::new("CERTIFICATE", der.as_ref())).collect();
    pem::encode_many(&blocks)
}

/// Reads certificates from PEM; at least one, and nothing else.
pub(super) fn from_pem(name: &str, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, Refusal> {
    let corrupt = || Refusal::new(Code::KeptFile, name);
    let blocks = pem::parse_many(text).map_err(|_| corrupt())?;
    if blocks.is_empty() || blocks.iter().any(|block| block.tag() != "CERTIFICATE") {
        return Err(corrupt());
    }
    Ok(blocks.into_iter().map(|block| CertificateDer::from(block.into_contents())).collect())
}
