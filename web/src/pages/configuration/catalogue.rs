//! The catalogue of parameters in the browser: asked for once, kept while the page lives. It is fixed while the server
//! runs; a reload of the page asks again.

use std::cell::RefCell;
use std::sync::Arc;

use domain::catalogue::Catalogue;

use crate::client::{self, Failure};

thread_local! {
    static KNOWN: RefCell<Option<Arc<Catalogue>>> = const { RefCell::new(None) };
}

/// Everything that can be set on phones.
///
/// # Errors
/// As [`client::get`].
pub async fn catalogue() -> Result<Arc<Catalogue>, Failure> {
    if let Some(known) = KNOWN.with_borrow(Clone::clone) {
        return Ok(known);
    }
    let loaded: Arc<Catalogue> = Arc::new(client::get("/parameters/catalogue").await?);
    KNOWN.set(Some(loaded.clone()));
    Ok(loaded)
}
