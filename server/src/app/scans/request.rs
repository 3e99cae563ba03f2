//! What a request for a scan means: its addresses and ports, each fault with its field, and whether an administrator has
//! allowed to go there (D-9).

use std::collections::BTreeSet;
use std::net::IpAddr;

use api::scan::NewScan;
use api::{Code, FieldError, field};
use domain::calling::PORTS;
use domain::scan::{
    LONGEST_RANGE, MOST_ADDRESSES, MOST_PORTS, MOST_RANGES, Range, RangeFault, Ranges, STORAGE_PORTS,
    ScanPurpose, USUAL_PORT,
};
use domain::setting::SettingKey;

use super::super::error::{AppError, AppResult};
use super::allowed;
use crate::App;

/// A range of a request: its field and its text.
pub(super) struct Given {
    field: String,
    /// As it was given, without spaces around it.
    pub(super) text: String,
}

/// What a request names, each with its field.
fn given(new: &NewScan) -> Result<Vec<Given>, FieldError> {
    if new.ranges.len() > MOST_RANGES {
        let text = format!("has more than {MOST_RANGES} entries");
        return Err(FieldError::new("/ranges", field::TOO_LONG, text).arg("max", MOST_RANGES));
    }
    let numbered = new.ranges.iter().enumerate();
    let mut given: Vec<Given> = numbered
        .map(|(number, text)| Given { field: format!("/ranges/{number}"), text: text.trim().to_owned() })
        .collect();
    let trimmed = |text: &Option<String>| text.as_deref().map(|text| text.trim().to_owned());
    let mask = new.mask.as_ref().map(|mask| mask.0.trim().to_owned());
    match (trimmed(&new.address), mask) {
        (Some(address), mask) => {
            let good = address.parse::<IpAddr>().is_ok();
            let name = if good && mask.is_some() { "/mask" } else { "/address" };
            let text = match mask {
                Some(mask) => format!("{address}/{mask}"),
                None => address,
            };
            given.push(Given { field: name.to_owned(), text });
        }
        (None, Some(_)) => return Err(FieldError::new("/address", field::MISSING, "is needed beside mask")),
        (None, None) if given.is_empty() => {
            return Err(FieldError::new("/ranges", field::MISSING, "must name a network, range or address"));
        }
        (None, None) => {}
    }
    Ok(given)
}

fn fault(name: &str, fault: RangeFault) -> FieldError {
    let error = FieldError::new(name, fault.code(), fault.to_string());
    if fault == RangeFault::TooLarge { error.arg("max", MOST_ADDRESSES) } else { error }
}

/// A request that was understood.
pub(super) struct Asked {
    /// What is looked for.
    pub(super) purpose: ScanPurpose,
    /// What was given, and what it means.
    pub(super) given: Vec<(Given, Range)>,
    /// All addresses.
    pub(super) ranges: Ranges,
    /// At least one.
    pub(super) ports: Vec<u16>,
}

/// The ports of a request. Phones listen on few; storage may be anywhere.
fn ports(new: &NewScan, faults: &mut Vec<FieldError>) -> Vec<u16> {
    if new.purpose.unwrap_or(ScanPurpose::Phones) == ScanPurpose::Phones {
        let port = new.port.unwrap_or(USUAL_PORT);
        if !PORTS.contains(&port) {
            let text = "must be a port on which phones listen: 8085, 443 or 80";
            faults.push(FieldError::new("/port", field::NOT_A_CHOICE, text).arg("choices", PORTS.to_vec()));
        }
        if !new.ports.is_empty() {
            faults.push(FieldError::new("/ports", field::INVALID, "is for scans for storage providers"));
        }
        return vec![port];
    }
    if new.port.is_some() {
        faults.push(FieldError::new("/port", field::INVALID, "is for scans for phones; name ports"));
    }
    if new.ports.len() > MOST_PORTS {
        let text = format!("has more than {MOST_PORTS} entries");
        faults.push(FieldError::new("/ports", field::TOO_LONG, text).arg("max", MOST_PORTS));
        return Vec::new();
    }
    let mut seen = BTreeSet::new();
    for (place, port) in new.ports.iter().enumerate() {
        let pointer = format!("/ports/{place}");
        if *port == 0 {
            let error = FieldError::new(pointer, field::OUT_OF_RANGE, "must be from 1 to 65535");
            faults.push(error.arg("min", 1).arg("max", u16::MAX));
        } else if !seen.insert(*port) {
            faults.push(FieldError::new(pointer, field::GIVEN_TWICE, "stands there more than once"));
        }
    }
    if new.ports.is_empty() { STORAGE_PORTS.to_vec() } else { new.ports.clone() }
}

/// Reads a request.
///
/// # Errors
/// `invalid_fields`.
pub(super) fn read(new: &NewScan) -> AppResult<Asked> {
    let mut faults = Vec::new();
    let mut read = Vec::new();
    for given in given(new).map_err(AppError::field)? {
        if given.text.len() > LONGEST_RANGE {
            let text = format!("has more than {LONGEST_RANGE} characters");
            faults.push(FieldError::new(given.field, field::TOO_LONG, text).arg("max", LONGEST_RANGE));
            continue;
        }
        match given.text.parse() {
            Ok(range) => read.push((given, range)),
            Err(refused) => faults.push(fault(&given.field, refused)),
        }
    }
    let purpose = new.purpose.unwrap_or(ScanPurpose::Phones);
    let ports = ports(new, &mut faults);
    let ranges = Ranges::new(read.iter().map(|(_, range)| *range));
    match ranges {
        Ok(ranges) if faults.is_empty() => Ok(Asked { purpose, given: read, ranges, ports }),
        Err(refused) if faults.is_empty() => Err(AppError::field(fault("/ranges", refused))),
        _ => Err(AppError::fields(faults)),
    }
}

/// Refuses ranges that are not wholly in the allowed networks, before anything is sent anywhere (D-9).
pub(super) fn check_allowed(app: &App, given: &[(Given, Range)]) -> AppResult<()> {
    let setting = SettingKey::ScansAllowedNetworks.definition().id;
    let allowed = allowed(&app.settings);
    if allowed.is_empty() {
        let text = "No network is allowed to be scanned. An administrator can allow some in the settings.";
        return Err(AppError::new(Code::ScanningOff, text).arg("setting", setting));
    }
    let refused = given.iter().filter_map(|(given, range)| {
        let address = allowed.first_refused(range)?;
        let text = format!("{address} is not in the networks that may be scanned");
        let error = FieldError::new(&given.field, field::NETWORK_NOT_ALLOWED, text);
        Some(error.arg("address", address.to_string()).arg("setting", setting))
    });
    let refused: Vec<FieldError> = refused.collect();
    if refused.is_empty() { Ok(()) } else { Err(AppError::fields(refused)) }
}
