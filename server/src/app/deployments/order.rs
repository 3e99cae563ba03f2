//! The items of an order to fetch a file (`wpi.md` §4.6.1): where it is, and what it is. They go in one message: who counts
//! them knows beforehand whether a phone can be told.

use domain::deployment::Priority;
use domain::file::FileType;

use crate::fileserver::{FtpSource, Way};
use crate::store::files::File;

/// An item without an index: one file a message is the most robust way (`wpi.md` §4.6.4).
pub type OrderItem = (&'static str, String);

/// The order has more items than the phone takes in one message.
pub const ORDER_TOO_LARGE: &str = "order-too-large";

/// Item with the password for an FTP server.
pub const PASSWORD: &str = "file-pwd";

/// Where a file is that has an address.
pub fn at_address(url: String) -> Vec<OrderItem> {
    vec![("file-https-base-url", url)]
}

/// Where a file is on an FTP server, with the password when there is one.
pub fn at_ftp(ftp: &FtpSource, password: Option<String>) -> Vec<OrderItem> {
    let mut items = vec![("file-server", ftp.server.clone()), ("file-port", ftp.port.to_string())];
    if !ftp.username.is_empty() {
        items.push(("file-username", ftp.username.clone()));
    }
    items.extend(password.map(|password| (PASSWORD, password)));
    items.push(("file-path", ftp.path.clone()));
    items.push(("file-name", ftp.name.clone()));
    items
}

/// What a file is, and when the phone fetches it.
pub fn about(file: &File, file_type: FileType, priority: Priority) -> Vec<OrderItem> {
    let kind = ("file-type", file_type.wire().to_owned());
    let priority = ("file-priority", priority.as_str().to_owned());
    if file_type != FileType::Software {
        return vec![kind, priority];
    }
    let mut items = vec![priority];
    items.extend(file.software_type.as_ref().map(|family| ("file-sw-type", format!("Siemens {family}"))));
    items.extend(file.software_version.clone().map(|version| ("file-sw-version", version)));
    items.push(kind);
    items
}

/// Items of the order for a file.
pub fn number(way: &Way, file: &File) -> usize {
    let place = match way {
        Way::Here | Way::Provider(_) => at_address(String::new()).len(),
        // How many there are does not depend on what the password is.
        Way::Ftp(ftp) => at_ftp(ftp, ftp.password.as_ref().map(|_| String::new())).len(),
    };
    let about = file.file_type.map_or(0, |file_type| about(file, file_type, Priority::Normal).len());
    place + about
}
