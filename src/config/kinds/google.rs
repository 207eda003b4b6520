//! Google's credentials: files, and what is used where nothing is said.

use std::{fs, path::Path};

use super::set;
use crate::credential::google::GoogleAccount;

/// The variable that names a file of credentials.
pub(super) const FILE: &str = "GOOGLE_APPLICATION_CREDENTIALS";

/// Google's own order: the file that GOOGLE_APPLICATION_CREDENTIALS names, the one that `gcloud` left behind, the machine's account.
///
/// # Errors
/// What is wrong with the file.
pub(super) fn usual(env: &dyn Fn(&str) -> Option<String>) -> Result<GoogleAccount, String> {
    if let Some(path) = set(env, FILE) {
        return from_file(&path).map_err(|why| format!("the file that {FILE} names: {why}"));
    }
    if let Some(home) = set(env, "HOME") {
        let path = Path::new(&home).join(".config/gcloud/application_default_credentials.json");
        if let Some(path) = path.to_str().filter(|_| path.is_file()) {
            return from_file(path).map_err(|why| format!("the credentials of gcloud: {why}"));
        }
    }
    match set(env, "GCE_METADATA_HOST") {
        Some(host) => GoogleAccount::machine_at(&host)
            .map_err(|error| format!("GCE_METADATA_HOST: {}", error.message())),
        None => Ok(GoogleAccount::machine()),
    }
}

/// The account in a file.
///
/// # Errors
/// What is wrong with it; nothing of it is told.
pub(super) fn from_file(path: &str) -> Result<GoogleAccount, String> {
    /// They are of a few kilobytes. A device or a pipe would never end.
    const MOST: u64 = 1 << 20;
    let unread = |error: std::io::Error| format!("it could not be read ({})", error.kind());
    let about = fs::metadata(path).map_err(unread)?;
    if !about.is_file() || about.len() > MOST {
        return Err("it is no file of credentials".to_owned());
    }
    let text = fs::read_to_string(path).map_err(unread)?;
    GoogleAccount::from_json(&text).map_err(|error| error.message().to_owned())
}
