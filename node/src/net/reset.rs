//! Telling peers of a former life of this process that their connections are gone.
//!
//! After a power cut the peers go on sending into connections that nobody remembers. QUIC's answer to that is the
//! stateless reset (RFC 9000, section 10.3), which works over restarts only when its keys do: they are derived from
//! the node's own. Without this a peer would notice at its idle timeout, a minute later.

use std::sync::Arc;

use quinn::EndpointConfig;
use quinn::crypto::{CryptoError, HmacKey};
use quinn_proto::HashedConnectionIdGenerator;

use crate::pki::Identity;

/// Length of a signature; QUIC uses its first 16 bytes.
const SIGNATURE: usize = 32;

/// A BLAKE3 keyed hash as the endpoint wants it.
struct ResetKey([u8; 32]);

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        signature_out.copy_from_slice(blake3::keyed_hash(&self.0, data).as_bytes());
    }

    fn signature_len(&self) -> usize {
        SIGNATURE
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        // Comparing hashes takes the same time wherever they differ.
        let given = blake3::Hash::from_slice(signature).map_err(|_| CryptoError)?;
        if blake3::keyed_hash(&self.0, data) == given { Ok(()) } else { Err(CryptoError) }
    }
}

/// The configuration of an endpoint that recognises its own connections over restarts.
pub(super) fn endpoint_config(identity: &Identity) -> EndpointConfig {
    let key = identity.signing_key().as_bytes();
    let reset = blake3::derive_key("xiangyue 1: stateless reset", key);
    let ids = blake3::derive_key("xiangyue 1: connection ids", key);
    let [a, b, c, d, e, f, g, h, ..] = ids;
    let ids = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    let mut config = EndpointConfig::new(Arc::new(ResetKey(reset)));
    config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(ids)));
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_recognised_and_no_other() {
        let key = ResetKey([7; 32]);
        let mut signature = [0; SIGNATURE];
        key.sign(b"connection", &mut signature);
        assert!(key.verify(b"connection", &signature).is_ok());
        assert!(key.verify(b"another", &signature).is_err());
        assert!(ResetKey([8; 32]).verify(b"connection", &signature).is_err());
        assert!(key.verify(b"connection", &signature[..16]).is_err());
    }
}
