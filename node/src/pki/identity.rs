//! A node's key: it signs the node's segments and is its TLS key.

use std::fmt;
use std::path::Path;

use ed25519_dalek::{Signer, SigningKey};
use rustls::pki_types::PrivatePkcs8KeyDer;
use xiangyue_protocol::{Code, NodeId, Refusal};
use zeroize::Zeroizing;

use super::files;
use super::secret::fill_random;

const KEY_FILE: &str = "node.key";

/// What precedes the 32-byte seed in the PKCS #8 form of an Ed25519 key (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The key and the id that follows from it. The key is wiped when this is dropped.
#[derive(Clone)]
pub struct Identity {
    key: SigningKey,
    node: NodeId,
}

impl Identity {
    /// A new key from the system's random source.
    ///
    /// # Errors
    /// [`Code::NotReady`] when the system has no random bytes to give.
    pub fn generate() -> Result<Identity, Refusal> {
        let mut seed = Zeroizing::new([0; 32]);
        fill_random(&mut *seed)?;
        Ok(Identity::from_seed(&seed))
    }

    /// The identity with this 32-byte seed.
    pub fn from_seed(seed: &[u8; 32]) -> Identity {
        let key = SigningKey::from_bytes(seed);
        let node = NodeId::of_key(key.verifying_key().as_bytes());
        Identity { key, node }
    }

    /// Reads `node.key` in `dir`.
    ///
    /// # Errors
    /// [`Code::KeptFile`] when there is none or it is not an Ed25519 key, [`Code::BadConfig`] when others may read it,
    /// [`Code::Disk`].
    pub fn load(dir: &Path) -> Result<Identity, Refusal> {
        let corrupt = || Refusal::new(Code::KeptFile, KEY_FILE);
        let text = files::read_secret(dir, KEY_FILE)?;
        let block = pem::parse(text.as_slice()).map_err(|_| corrupt())?;
        let tagged = block.tag() == "PRIVATE KEY";
        let der = Zeroizing::new(block.into_contents());
        let seed = der.strip_prefix(&PKCS8_PREFIX).and_then(|seed| <&[u8; 32]>::try_from(seed).ok());
        match seed {
            Some(seed) if tagged => Ok(Identity::from_seed(seed)),
            _ => Err(corrupt()),
        }
    }

    /// Writes `node.key` in `dir`, durably and readable by this user alone.
    ///
    /// # Errors
    /// [`Code::BadConfig`] when another key is there already: a key that has signed is never overwritten.
    /// [`Code::Disk`], [`Code::DiskFull`].
    pub fn save(&self, dir: &Path) -> Result<(), Refusal> {
        if files::exists(dir, KEY_FILE) {
            let same = Identity::load(dir).is_ok_and(|there| there.node == self.node);
            return if same { Ok(()) } else { Err(Refusal::new(Code::BadConfig, "node.key of another node exists")) };
        }
        let text = Zeroizing::new(pem::encode(&pem::Pem::new("PRIVATE KEY", self.pkcs8_bytes().as_slice())));
        files::write(dir, KEY_FILE, text.as_bytes(), files::SECRET)
    }

    /// The node's id.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// The public key.
    pub fn public_key(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// The key, for signing segments.
    pub fn signing_key(&self) -> &SigningKey {
        &self.key
    }

    /// The signature of `message`.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }

    /// The key in PKCS #8, as rustls takes it.
    pub(super) fn pkcs8(&self) -> PrivatePkcs8KeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.pkcs8_bytes().to_vec())
    }

    fn pkcs8_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut der = Zeroizing::new(Vec::with_capacity(48));
        der.extend_from_slice(&PKCS8_PREFIX);
        der.extend_from_slice(self.key.as_bytes());
        der
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("node", &self.node).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_saved_key_is_private_and_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity::generate().unwrap();
        identity.save(dir.path()).unwrap();
        identity.save(dir.path()).unwrap();
        assert_eq!(Identity::load(dir.path()).unwrap().node(), identity.node());

        let file = dir.path().join(KEY_FILE);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file stays");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(Identity::load(dir.path()).unwrap_err().code(), Code::BadConfig);
    }

    #[test]
    fn a_key_is_never_overwritten_by_another() {
        let dir = tempfile::tempdir().unwrap();
        let first = Identity::generate().unwrap();
        first.save(dir.path()).unwrap();
        assert_eq!(Identity::generate().unwrap().save(dir.path()).unwrap_err().code(), Code::BadConfig);
        assert_eq!(Identity::load(dir.path()).unwrap().node(), first.node());
    }

    #[test]
    fn a_damaged_key_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Identity::load(dir.path()).unwrap_err().code(), Code::KeptFile);
        files::write(dir.path(), KEY_FILE, b"-----BEGIN PRIVATE KEY-----\nAAAA\n", files::SECRET).unwrap();
        assert_eq!(Identity::load(dir.path()).unwrap_err().code(), Code::KeptFile);
    }

    #[test]
    fn debug_shows_the_id_and_not_the_key() {
        let text = format!("{:?}", Identity::from_seed(&[7; 32]));
        assert!(text.contains(&Identity::from_seed(&[7; 32]).node().short()));
        assert!(!text.contains("7, 7") && !text.contains("0707"), "{text}");
    }

    #[test]
    fn the_tls_library_reads_the_same_key() {
        let identity = Identity::from_seed(&[7; 32]);
        let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&identity.pkcs8(), &rcgen::PKCS_ED25519).unwrap();
        assert_eq!(pair.public_key_raw(), identity.public_key());
    }
}
