//! Random secrets that are wiped when dropped and never printed.

use std::fmt;

use serde::{Deserialize, Serialize};
use xiangyue_protocol::{Code, Refusal};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Fills `bytes` from the system's random source.
pub(super) fn fill_random(bytes: &mut [u8]) -> Result<(), Refusal> {
    getrandom::fill(bytes).map_err(|_| Refusal::new(Code::NotReady, "the system gives no random bytes"))
}

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
        pub struct $name([u8; $length]);

        impl $name {
            /// A new one from the system's random source.
            ///
            /// # Errors
            /// [`Code::NotReady`] when the system has no random bytes to give.
            pub fn generate() -> Result<Self, Refusal> {
                let mut secret = $name([0; $length]);
                fill_random(&mut secret.0)?;
                Ok(secret)
            }

            /// From bytes that were stored or received.
            pub fn from_bytes(bytes: [u8; $length]) -> Self {
                $name(bytes)
            }

            /// The bytes.
            pub fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

secret! {
    /// What a token's holder knows: 80 bits. The book stores only its hash and slows guessing down.
    ///
    /// `==` is not constant-time; [`super::TokenBook`] compares hashes instead.
    TokenSecret, 10
}

secret! {
    /// The township's key under which account numbers are made pseudonymous.
    PseudonymKey, 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print_themselves() {
        let key = PseudonymKey::from_bytes([0xab; 32]);
        assert_eq!(format!("{key:?}"), "PseudonymKey(..)");
        assert_ne!(TokenSecret::generate().unwrap(), TokenSecret::generate().unwrap());
    }
}
