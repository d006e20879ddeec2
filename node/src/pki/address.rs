//! Where a node listens.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use xiangyue_protocol::{Code, Refusal};

/// An address to dial: an IP address or a host name, and a UDP port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Address {
    /// IPv4.
    V4(Ipv4Addr, u16),
    /// IPv6.
    V6(Ipv6Addr, u16),
    /// A name to look up.
    Name(String, u16),
}

impl Address {
    /// Whether a name that came in binary form is one that [`FromStr`] would have taken.
    pub(super) fn is_well_formed(&self) -> bool {
        match self {
            Address::V4(..) | Address::V6(..) => true,
            Address::Name(name, _) => is_host_name(name),
        }
    }
}

fn is_host_name(name: &str) -> bool {
    let label =
        |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    name.len() <= 253 && name.split('.').all(label) && name.parse::<IpAddr>().is_err()
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Address {
        match address.ip() {
            IpAddr::V4(ip) => Address::V4(ip, address.port()),
            IpAddr::V6(ip) => Address::V6(ip, address.port()),
        }
    }
}

impl FromStr for Address {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Ok(address.into());
        }
        let refuse = || Refusal::new(Code::BadConfig, format_args!("not host:port: {text}"));
        let (name, port) = text.rsplit_once(':').ok_or_else(refuse)?;
        let port = port.parse().map_err(|_| refuse())?;
        if is_host_name(name) { Ok(Address::Name(name.to_owned(), port)) } else { Err(refuse()) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::V4(ip, port) => write!(f, "{ip}:{port}"),
            Address::V6(ip, port) => write!(f, "[{ip}]:{port}"),
            Address::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_back() {
        for text in ["10.0.0.1:4433", "[fd00::1]:4433", "town.example.cn:4433"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for bad in ["", "10.0.0.1", "a b:1", "x:70000", "fd00::1:4433", "..:1"] {
            assert_eq!(bad.parse::<Address>().expect_err(bad).code(), Code::BadConfig);
        }
    }
}
