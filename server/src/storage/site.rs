//! The address of a provider: what is taken for one.

use reqwest::Url;

use super::{Fault, Manners, Site, StorageError};

/// The address of a site, ending with a slash.
///
/// # Errors
/// [`Fault::AddressRefused`] when it is no address of a web server or holds credentials, a query or a fragment, and
/// [`Fault::Certificate`] when it is not one of TLS although certificates are checked.
pub(super) fn address(site: &Site, manners: &Manners) -> Result<Url, StorageError> {
    let refused = |why: &str| StorageError::new(Fault::AddressRefused, why);
    let mut url = Url::parse(&site.url).map_err(|_| refused("not an address"))?;
    match url.scheme() {
        "https" => {}
        "http" if !manners.validate => {}
        "http" => return Err(StorageError::new(Fault::Certificate, "not an address of TLS")),
        _ => return Err(refused("not an address of a web server")),
    }
    let extras = [url.query(), url.fragment(), url.password()];
    if url.host().is_none() || !url.username().is_empty() || extras.iter().any(Option::is_some) {
        return Err(refused("an address with more than a host, a port and a path"));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::address;
    use crate::storage::{Fault, Manners, Site};
    use domain::file::{Listing, ProviderKind};
    use domain::network::Networks;

    #[test]
    fn an_address_has_a_host_a_port_and_a_path() {
        let of = |url: &str, validate| {
            let site = Site {
                kind: ProviderKind::Https,
                url: url.to_owned(),
                username: String::new(),
                secret: None,
                bucket: String::new(),
                region: String::new(),
                path_style: false,
                listing: Listing::Automatic,
            };
            let manners = Manners::new(validate, Networks::default());
            address(&site, &manners).map(|url| url.to_string()).map_err(|error| error.fault())
        };
        assert_eq!(of("https://files.example:8443/a", true), Ok("https://files.example:8443/a/".to_owned()));
        assert_eq!(of("https://files.example", true), Ok("https://files.example/".to_owned()));
        assert_eq!(of("http://files.example/", true), Err(Fault::Certificate));
        assert_eq!(of("http://files.example/", false), Ok("http://files.example/".to_owned()));
        for bad in [
            "",
            "files.example",
            "ftp://files.example/",
            "file:///etc/passwd",
            "https://user@files.example/",
            "https://user:pass@files.example/",
            "https://files.example/?a",
            "https://files.example/#a",
        ] {
            assert_eq!(of(bad, false), Err(Fault::AddressRefused), "{bad}");
        }
    }
}
