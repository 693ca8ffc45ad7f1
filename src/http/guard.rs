//! Which addresses may be connected to. Owns the rule; its one invariant: nothing is connected to that it has not
//! seen as an IP address, except through a configured proxy, which resolves names itself.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::Error;

/// IPv4 blocks that are not the public internet: the IANA registry of special-purpose addresses, and the one public
/// address behind which a cloud hides its metadata service.
const SPECIAL_V4: [([u8; 4], u8); 18] = [
    ([0, 0, 0, 0], 8),        // this network, unspecified
    ([10, 0, 0, 0], 8),       // private
    ([100, 64, 0, 0], 10),    // carrier-grade NAT
    ([127, 0, 0, 0], 8),      // loopback
    ([168, 63, 129, 16], 32), // Azure's host service
    ([169, 254, 0, 0], 16),   // link-local, metadata services
    ([172, 16, 0, 0], 12),    // private
    ([192, 0, 0, 0], 24),     // protocol assignments
    ([192, 0, 2, 0], 24),     // documentation
    ([192, 31, 196, 0], 24),  // AS112
    ([192, 52, 193, 0], 24),  // AMT relays
    ([192, 88, 99, 0], 24),   // 6to4 relays
    ([192, 168, 0, 0], 16),   // private
    ([192, 175, 48, 0], 24),  // AS112
    ([198, 18, 0, 0], 15),    // benchmarks
    ([198, 51, 100, 0], 24),  // documentation
    ([203, 0, 113, 0], 24),   // documentation
    ([224, 0, 0, 0], 3),      // multicast, reserved, broadcast
];

/// IPv6 blocks inside `2000::/3` that are not the public internet; everything outside `2000::/3` is refused anyway:
/// loopback, unspecified, IPv4-mapped, NAT64, unique local, link-local, site-local, multicast.
const SPECIAL_V6: [([u16; 8], u8); 5] = [
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), // protocol assignments: Teredo, benchmarks, ORCHID, AMT
    ([0x2001, 0x0db8, 0, 0, 0, 0, 0, 0], 32), // documentation
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), // 6to4: an IPv4 address in disguise
    ([0x2620, 0x004f, 0x8000, 0, 0, 0, 0, 0], 48), // AS112
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), // documentation
];

/// Ports of services that must not be made to hear what we send: mail, chat, names, remote shells and the like
/// (after the "bad ports" of the Fetch standard).
const REFUSED_PORTS: [u16; 49] = [
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 79, 110, 111, 113, 119,
    123, 135, 137, 139, 143, 161, 179, 389, 445, 465, 514, 515, 548, 554, 587, 636, 993, 995, 2049,
    3659, 5060, 5061, 6000, 6566, 6667, 6697,
];

/// Whether an address may be connected to without being allowed expressly. Pure.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|&(base, length)| {
            let mask = u32::MAX << (32 - length);
            u32::from(address) & mask == u32::from(Ipv4Addr::from(base)) & mask
        }),
        IpAddr::V6(address) => {
            let global_unicast = address.segments()[0] >> 13 == 1;
            global_unicast
                && !SPECIAL_V6.iter().any(|&(base, length)| {
                    let mask = u128::MAX << (128 - length);
                    u128::from(address) & mask == u128::from(Ipv6Addr::from(base)) & mask
                })
        }
    }
}

/// How names become addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// Resolved here and connected to from here.
    Direct,
    /// Resolved by a proxy that is not a way into an onion network.
    Proxy,
    /// Resolved by a SOCKS proxy, which may know `.onion` names.
    Socks,
}

/// The rule, with what is allowed beyond it.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) allow: Vec<IpNet>,
    pub(super) route: Route,
}

/// An address or name that the guard refused, as it travels through the layers below.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is refused", self.0)
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Forbidden { what: refusal.0 }
    }
}

impl Guard {
    /// Whether an address may be connected to.
    pub(super) fn permits(&self, address: IpAddr) -> bool {
        is_public(address) || self.allow.iter().any(|block| block.contains(&address))
    }

    /// Whether an address was allowed expressly.
    fn allows(&self, address: IpAddr) -> bool {
        self.allow.iter().any(|block| block.contains(&address))
    }

    /// Checks what can be known of an address before connecting: scheme, user name, port, host.
    pub(super) fn check_url(&self, url: &Url) -> Result<(), Refusal> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refusal(format!("an address with the scheme `{}:`", url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal("an address with a user name in it".to_owned()));
        }
        let host = url.host().ok_or_else(|| Refusal("an address without a host".to_owned()))?;
        self.check_host(&host)?;
        self.check_port(&host, url.port_or_known_default().unwrap_or_default())
    }

    /// Checks a port; what was allowed expressly may be reached at any.
    pub(super) fn check_port<S: AsRef<str>>(
        &self,
        host: &Host<S>,
        port: u16,
    ) -> Result<(), Refusal> {
        let expressly = match host {
            Host::Ipv4(address) => self.allows((*address).into()),
            Host::Ipv6(address) => self.allows((*address).into()),
            Host::Domain(_) => false,
        };
        if REFUSED_PORTS.contains(&port) && !expressly {
            let host = host.to_string();
            return Err(Refusal(format!("`{host}` at port {port}")));
        }
        Ok(())
    }

    /// Checks a host: literals at once, names as far as a name tells.
    pub(super) fn check_host<S: AsRef<str>>(&self, host: &Host<S>) -> Result<(), Refusal> {
        let name = match host {
            Host::Ipv4(address) => return self.check_address((*address).into()),
            Host::Ipv6(address) => return self.check_address((*address).into()),
            Host::Domain(name) => name.as_ref().trim_end_matches('.').to_ascii_lowercase(),
        };
        let top = name.rsplit('.').next().unwrap_or_default();
        if top == "onion" && self.route != Route::Socks {
            return Err(Refusal(format!("`{name}`, which needs a socks5h:// proxy,")));
        }
        // A proxy would resolve it to itself.
        if top == "localhost" && !self.permits(Ipv4Addr::LOCALHOST.into()) {
            return Err(Refusal(format!("`{name}`")));
        }
        Ok(())
    }

    /// Checks an address, before or after connecting to it.
    pub(super) fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        if self.permits(address) { Ok(()) } else { Err(Refusal(format!("`{address}`"))) }
    }

    /// Keeps what may be connected to; an error if that is nothing although there was something.
    pub(super) fn filter(
        &self,
        name: &str,
        addresses: impl Iterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, Refusal> {
        let (permitted, refused): (Vec<_>, Vec<_>) =
            addresses.partition(|address| self.permits(address.ip()));
        match refused.first() {
            Some(address) if permitted.is_empty() => {
                Err(Refusal(format!("`{name}`, which resolves to `{}`,", address.ip())))
            }
            _ => Ok(permitted),
        }
    }
}

/// Resolves names for the client: what it gives is what is connected to, so that a name cannot change its address
/// between the check and the connection.
#[derive(Debug, Clone)]
pub(super) struct Resolver {
    pub(super) guard: Arc<Guard>,
    /// The configured proxy's host, which may be anywhere.
    pub(super) proxy_host: Option<String>,
}

impl Resolver {
    /// The addresses of a name that may be connected to.
    pub(super) async fn lookup(
        &self,
        name: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
        if self.proxy_host.as_deref() == Some(name) {
            return Ok(tokio::net::lookup_host((name, port)).await?.collect());
        }
        if self.guard.route != Route::Direct {
            return Err(Refusal(format!("`{name}`, which only the proxy may resolve,")).into());
        }
        self.guard.check_host(&Host::Domain(name))?;
        let addresses = tokio::net::lookup_host((name, port)).await?;
        Ok(self.guard.filter(name, addresses)?)
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.lookup(name.as_str(), 0).await?;
            let addresses: Addrs = Box::new(addresses.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn guard(allow: &[&str], route: Route) -> Guard {
        Guard { allow: allow.iter().map(|block| block.parse().unwrap()).collect(), route }
    }

    #[test]
    fn only_public_addresses_are_public() {
        const PUBLIC: &str = "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 \
             128.0.0.1 168.63.129.15 169.253.255.255 172.15.255.255 172.32.0.0 192.0.1.1 \
             192.167.1.1 198.17.255.255 198.20.0.0 223.255.255.255 2001:200::1 \
             2001:4860:4860::8888 2003::1 2606:4700::1111 2a00:1450::1 3ffe::1 3fff:1000::1";
        const REFUSED: &str = "0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 \
             127.255.255.254 168.63.129.16 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.8 \
             192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.1 192.175.48.1 198.18.0.1 \
             198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 \
             255.255.255.255 :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:8.8.8.8 \
             64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1 100::1 2001::1 2001:2::1 2001:10::1 \
             2001:20::1 2001:db8::1 2002:7f00:1:: 2002:808:808::1 2620:4f:8000::1 3fff::1 \
             3fff:fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 febf::1 fec0::1 ff02::1 ff0e::1";
        for refused in REFUSED.split(' ') {
            assert!(!is_public(refused.parse().unwrap()), "{refused}");
        }
        for public in PUBLIC.split(' ') {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn odd_forms_of_forbidden_addresses_are_refused() {
        const REFUSED: &str = "http://127.0.0.1/ http://2130706433/ http://0x7f000001/ http://0177.0.0.1/ \
             http://127.1/ http://[::1]/ http://[::ffff:127.0.0.1]/ http://[::ffff:7f00:1]/ \
             http://localhost/ http://LOCALHOST./ http://a.localhost/ \
             http://169.254.169.254/latest/meta-data http://0/ http://①②⑦.0.0.1/ \
             file:///etc/passwd ftp://example.com/ gopher://example.com/ data:,x \
             http://user@example.com/ http://user:pass@example.com/ http://:pass@example.com/ \
             http://example.com:25/ http://example.com:22/ http://abcdef.onion/ \
             http://ABCDEF.ONION./";
        let guard = guard(&[], Route::Direct);
        for refused in REFUSED.split(' ') {
            assert!(guard.check_url(&Url::parse(refused).unwrap()).is_err(), "{refused}");
        }
        for fine in [
            "http://example.com/",
            "https://example.com:8443/x",
            "http://8.8.8.8:81/",
            "http://[2606:4700::1]/",
        ] {
            assert!(guard.check_url(&Url::parse(fine).unwrap()).is_ok(), "{fine}");
        }
    }

    #[test]
    fn what_is_allowed_is_that_block_and_no_more() {
        let guard = guard(&["127.0.0.1/32", "fd00::/8"], Route::Direct);
        for (address, expected) in [
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("::ffff:127.0.0.1", false),
            ("fd12::1", true),
            ("fc00::1", false),
            ("8.8.8.8", true),
        ] {
            assert_eq!(guard.permits(address.parse().unwrap()), expected, "{address}");
        }
        assert!(guard.check_url(&Url::parse("http://127.0.0.1:25/").unwrap()).is_ok());
    }

    #[test]
    fn an_onion_goes_through_a_socks_proxy_and_is_never_resolved_here() {
        let onion = Url::parse("http://abcdef.onion/").unwrap();
        assert!(guard(&[], Route::Socks).check_url(&onion).is_ok());
        assert!(guard(&[], Route::Proxy).check_url(&onion).is_err());
        assert!(guard(&[], Route::Direct).check_url(&onion).is_err());
    }

    #[test]
    fn a_name_that_resolves_inward_is_refused_and_a_mixed_one_is_filtered() {
        let guard = guard(&[], Route::Direct);
        let inward = "10.0.0.1:80".parse().unwrap();
        let public = "8.8.8.8:80".parse().unwrap();
        let refusal = guard.filter("rebind.example", [inward].into_iter()).unwrap_err();
        assert_eq!(refusal.0, "`rebind.example`, which resolves to `10.0.0.1`,");
        assert_eq!(guard.filter("mixed.example", [inward, public].into_iter()).unwrap(), [public]);
        assert_eq!(guard.filter("empty.example", std::iter::empty()).unwrap(), []);
    }

    #[tokio::test]
    async fn the_resolver_gives_only_what_the_guard_permits() {
        let resolver = |allow: &[&str], route, proxy_host: Option<&str>| Resolver {
            guard: Arc::new(guard(allow, route)),
            proxy_host: proxy_host.map(str::to_owned),
        };
        let open = resolver(&["127.0.0.0/8"], Route::Direct, None);
        assert!(!open.lookup("localhost", 80).await.unwrap().is_empty());
        // A literal that reaches the resolver is no way around the guard.
        for name in ["localhost", "127.0.0.1", "::1"] {
            let error = resolver(&[], Route::Direct, None).lookup(name, 80).await.unwrap_err();
            assert!(error.is::<Refusal>(), "{name}: {error}");
        }
        // With a proxy, only its own name is resolved here.
        let proxied = resolver(&[], Route::Socks, Some("localhost"));
        assert!(!proxied.lookup("localhost", 80).await.unwrap().is_empty());
        assert!(proxied.lookup("abcdef.onion", 80).await.unwrap_err().is::<Refusal>());
    }

    proptest! {
        #[test]
        fn no_ipv4_address_is_reached_in_the_disguise_of_an_ipv6_one(address: u32, rest: u128) {
            let low = u128::from(address);
            for disguise in [
                low,
                (0xffff << 32) | low,
                (0x0064_ff9b << 96) | low,
                (0x2002 << 112) | (low << 80) | (rest >> 48),
                (0x2001_0000 << 96) | (rest >> 32),
            ] {
                let disguise = Ipv6Addr::from(disguise);
                prop_assert!(!is_public(disguise.into()), "{}", disguise);
            }
        }
    }
}
