//! The port phones poll (DCMP, `wpi.md` §6): `GET …/contact-me?device-id=…` is answered with 202 when work waits
//! for the phone, else with 200. There is never a body.
//!
//! Refuses to know who has work and who may hear of it: that is `app::calling::polls`. What is asked is written to
//! the log at level debug only: it names devices.

use std::sync::Arc;

use domain::DeviceId;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};

use crate::App;
use crate::app::calling::polls::Board;
use crate::net::Peer;

/// Last part of the path; what stands before it is of the administrator's choosing.
const LAST_PART: &str = "/contact-me";

/// Longest query that is read, in bytes.
const LONGEST_QUERY: usize = 512;

/// The handler of polls. Cheap to clone.
#[derive(Clone)]
pub struct Dcmp {
    app: App,
    board: Arc<Board>,
}

impl Dcmp {
    /// A handler that tells what stands on the board.
    pub fn new(app: App, board: Arc<Board>) -> Self {
        Self { app, board }
    }

    /// Answers a request; its body is not read.
    pub fn answer<R, B: Default>(&self, request: &Request<R>) -> Response<B> {
        let mut response = Response::new(B::default());
        *response.status_mut() = self.status(request);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    fn status<R>(&self, request: &Request<R>) -> StatusCode {
        let path = request.uri().path().trim_end_matches('/');
        if !path.ends_with(LAST_PART) {
            return StatusCode::NOT_FOUND;
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return StatusCode::METHOD_NOT_ALLOWED;
        }
        let asked = request.uri().query().and_then(device_id).zip(request.extensions().get::<Peer>());
        let Some((device, peer)) = asked else { return StatusCode::OK };
        let work = self.board.has_work(&self.app, &device, peer.address.ip());
        tracing::debug!(%device, peer = %peer.address, work, "a phone polled");
        if work { StatusCode::ACCEPTED } else { StatusCode::OK }
    }
}

/// The device id of a query, in any of its forms: upper or lower case, colons (also as `%3A`), dashes or none.
fn device_id(query: &str) -> Option<DeviceId> {
    if query.len() > LONGEST_QUERY {
        return None;
    }
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name.eq_ignore_ascii_case("device-id"))
        .and_then(|(_, value)| value.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::device_id;

    #[test]
    fn a_device_id_is_read_in_all_its_forms() {
        for query in [
            "device-id=00:1A:E8:5B:20:C7",
            "device-id=00%3A1a%3Ae8%3A5b%3A20%3Ac7",
            "device-id=00-1a-e8-5b-20-c7",
            "device-id=001ae85b20c7",
            "x=y&Device-Id=001AE85B20C7&z",
        ] {
            assert_eq!(device_id(query).unwrap().as_str(), "001AE85B20C7", "{query}");
        }
        let long = format!("device-id={}", "0".repeat(600));
        for query in ["", "device-id=", "device-id=%00", "device-id=<x>", "id=001ae85b20c7", &long] {
            assert_eq!(device_id(query), None, "{query}");
        }
    }
}
