//! The one error of the crate, and the table every policy reads.
//!
//! [`Error`] says *what* went wrong ([`ErrorKind`]); [`ErrorKind::policy`] says what that means: try the same account
//! again, the next account, the next model, and whether the account is to blame. No layer decides on a status code.

mod informative;
mod policy;

use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use http::StatusCode;

pub use self::policy::{Again, Blame, NextAccount, Policy};
use crate::{BoxError, dialect::RateWindows, served::Served, trail::Trail};

/// What went wrong with a call, in terms that a policy can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller's request is at fault: malformed, or with values nobody would take.
    InvalidRequest,
    /// No such model, or no such route, here. Never sent to a vendor.
    NotFound,
    /// The request body is over the limit of this gateway.
    TooLarge,
    /// This vendor lacks a field, a modality or the model.
    Unsupported,
    /// The prompt does not fit the model's context window.
    ContextLength,
    /// A content policy refused the request.
    ContentFilter,
    /// The vendor refused *our* key.
    Authentication,
    /// The account is out of money or quota.
    QuotaExhausted,
    /// Too many requests or tokens for now.
    RateLimited,
    /// The vendor is short of capacity for everybody.
    Overloaded,
    /// The vendor failed, or answered something that is not an answer.
    Server,
    /// A clock ran out before any content: connecting, or waiting for the first token.
    Timeout,
    /// Refused, reset or closed before a byte of the answer.
    Connection,
    /// The answer broke after content was delivered.
    StreamBroken,
    /// Every account that could serve this is out.
    Exhausted,
    /// This gateway's own key check, quota, budget or policy said no.
    Denied,
    /// The caller left.
    Cancelled,
}

impl ErrorKind {
    /// A stable snake-case name, for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::NotFound => "not_found",
            Self::TooLarge => "too_large",
            Self::Unsupported => "unsupported",
            Self::ContextLength => "context_length",
            Self::ContentFilter => "content_filter",
            Self::Authentication => "authentication",
            Self::QuotaExhausted => "quota_exhausted",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::Server => "server",
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::StreamBroken => "stream_broken",
            Self::Exhausted => "exhausted",
            Self::Denied => "denied",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much of an account a limit covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// The account, whatever the model.
    Account,
    /// The account, for this model only.
    #[default]
    Model,
}

/// A failed call: what kind, what the vendor said, when to come back, and who served it.
///
/// Small (one pointer) and cheap to move. Secrets and vendors' addresses are never part of its text.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    status: Option<StatusCode>,
    code: Option<String>,
    param: Option<String>,
    retry_after: Option<Duration>,
    windows: RateWindows,
    scope: Scope,
    unsent: bool,
    body: Option<VendorBody>,
    served: Option<Arc<Served>>,
    trail: Option<Trail>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// The body of a vendor's error as it came, for callers who speak the same dialect.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VendorBody {
    /// The dialect the body is spelled in.
    pub dialect: &'static str,
    /// The bytes as received.
    pub bytes: Bytes,
}

impl Error {
    /// An error of this kind. The message is for the caller: name the field, the value and the fix.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            status: None,
            code: None,
            param: None,
            retry_after: None,
            windows: RateWindows::default(),
            scope: Scope::default(),
            unsent: false,
            body: None,
            served: None,
            trail: None,
            source: None,
        }))
    }

    /// The caller's request is wrong at `param` (a path like `messages[2].content`).
    pub fn invalid(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidRequest, message).with_param(param)
    }

    /// Finds this crate's error in what a generic layer returned, or wraps the stranger as [`ErrorKind::Server`].
    ///
    /// tower's own timeout and load-shed errors become [`ErrorKind::Timeout`] and [`ErrorKind::Overloaded`].
    pub fn from_box(error: BoxError) -> Self {
        match error.downcast::<Self>() {
            Ok(ours) => *ours,
            Err(stranger) => {
                let kind = if stranger.is::<tower::timeout::error::Elapsed>() {
                    ErrorKind::Timeout
                } else if stranger.is::<tower::load_shed::error::Overloaded>() {
                    ErrorKind::Overloaded
                } else {
                    ErrorKind::Server
                };
                let name = stranger.to_string();
                Self::new(kind, name).with_source(stranger)
            }
        }
    }

    /// The status the vendor answered with.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = Some(status);
        self
    }

    /// The vendor's machine-readable code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    /// The field at fault, as a path into the caller's body.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.0.param = Some(param.into());
        self
    }

    /// When the same call may succeed, counted from now.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.0.retry_after = Some(after);
        self
    }

    /// What the vendor told of its limits.
    #[must_use]
    pub fn with_windows(mut self, windows: RateWindows) -> Self {
        self.0.windows = windows;
        self
    }

    /// How much of the account a limit covers.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.0.scope = scope;
        self
    }

    /// The request surely never reached the vendor: asking again costs nothing twice.
    #[must_use]
    pub fn with_unsent(mut self) -> Self {
        self.0.unsent = true;
        self
    }

    /// The vendor's own body, to be shown to callers of the same dialect.
    #[must_use]
    pub fn with_body(mut self, dialect: &'static str, bytes: Bytes) -> Self {
        self.0.body = Some(VendorBody { dialect, bytes });
        self
    }

    /// Who was called.
    #[must_use]
    pub fn with_served(mut self, served: Arc<Served>) -> Self {
        self.0.served = Some(served);
        self
    }

    /// Everybody the call has asked.
    #[must_use]
    pub fn with_trail(mut self, trail: Trail) -> Self {
        self.0.trail = Some(trail);
        self
    }

    /// The cause. Its text must not hold secrets or addresses.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// The same error as another kind, e.g. a server fault that came after content.
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Every text a vendor wrote, mapped: keys are cut out of them.
    pub(crate) fn map_text(mut self, map: impl Fn(&str) -> String) -> Self {
        let inner = &mut *self.0;
        inner.message = map(&inner.message);
        for text in [&mut inner.code, &mut inner.param].into_iter().flatten() {
            *text = map(text);
        }
        if let Some(body) = &mut inner.body
            && let Ok(text) = std::str::from_utf8(&body.bytes)
        {
            let mapped = map(text);
            if mapped != text {
                body.bytes = mapped.into();
            }
        }
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What a policy should do about it: the row of the table for this kind.
    pub fn policy(&self) -> &'static Policy {
        self.0.kind.policy()
    }

    /// The message, in the vendor's words where there are any.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The status the vendor answered with, if it answered.
    pub fn vendor_status(&self) -> Option<StatusCode> {
        self.0.status
    }

    /// The machine-readable code, if there is one.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The field at fault.
    pub fn param(&self) -> Option<&str> {
        self.0.param.as_deref()
    }

    /// When the same call may succeed.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What the vendor told of its limits.
    pub fn windows(&self) -> &RateWindows {
        &self.0.windows
    }

    /// How much of the account a limit covers.
    pub fn scope(&self) -> Scope {
        self.0.scope
    }

    /// Did the request surely never reach the vendor?
    pub fn is_unsent(&self) -> bool {
        self.0.unsent
    }

    /// The vendor's own body.
    pub fn body(&self) -> Option<&VendorBody> {
        self.0.body.as_ref()
    }

    /// Who was called, if anybody.
    pub fn served(&self) -> Option<&Arc<Served>> {
        self.0.served.as_ref()
    }

    /// Everybody the call has asked, if it came as far as a pool.
    pub fn trail(&self) -> Option<&Trail> {
        self.0.trail.as_ref()
    }

    /// Is nobody to blame but the caller?
    pub fn is_caller_fault(&self) -> bool {
        self.policy().blame == Blame::Caller
    }

    /// The HTTP status a caller sees.
    ///
    /// The vendor's own status where it is about the call; 502 or 503 where it is about *our* account, which is none of the
    /// caller's business.
    pub fn status(&self) -> StatusCode {
        let vendor = self.0.status;
        match self.0.kind {
            ErrorKind::InvalidRequest | ErrorKind::ContentFilter => vendor
                .filter(|s| s.is_client_error() && !matches!(s.as_u16(), 401..=403 | 407 | 429))
                .unwrap_or(StatusCode::BAD_REQUEST),
            ErrorKind::ContextLength => StatusCode::BAD_REQUEST,
            ErrorKind::Unsupported => vendor
                .filter(|s| matches!(s.as_u16(), 400 | 404 | 405 | 415 | 422 | 501))
                .unwrap_or(StatusCode::BAD_REQUEST),
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorKind::Authentication => StatusCode::BAD_GATEWAY,
            ErrorKind::QuotaExhausted => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::RateLimited | ErrorKind::Exhausted => StatusCode::TOO_MANY_REQUESTS,
            ErrorKind::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Server | ErrorKind::StreamBroken => vendor
                .filter(StatusCode::is_server_error)
                .unwrap_or(StatusCode::BAD_GATEWAY),
            ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
            ErrorKind::Connection => StatusCode::BAD_GATEWAY,
            ErrorKind::Denied => vendor.unwrap_or(StatusCode::FORBIDDEN),
            ErrorKind::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind, self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        let mut out = f.debug_struct("Error");
        out.field("kind", &inner.kind)
            .field("message", &inner.message);
        if let Some(status) = inner.status {
            out.field("status", &status.as_u16());
        }
        if let Some(code) = &inner.code {
            out.field("code", code);
        }
        if let Some(param) = &inner.param {
            out.field("param", param);
        }
        if let Some(after) = inner.retry_after {
            out.field("retry_after", &after);
        }
        out.finish_non_exhaustive()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|s| s as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_of_our_own_account_never_looks_like_the_callers() {
        for (kind, vendor, seen) in [
            (ErrorKind::Authentication, 401, 502),
            (ErrorKind::QuotaExhausted, 402, 503),
            (ErrorKind::InvalidRequest, 401, 400),
            (ErrorKind::InvalidRequest, 422, 422),
            (ErrorKind::Server, 500, 500),
            (ErrorKind::Server, 200, 502),
        ] {
            let error = Error::new(kind, "no").with_status(StatusCode::from_u16(vendor).unwrap());
            assert_eq!(error.status().as_u16(), seen, "{kind} from {vendor}");
        }
    }

    #[test]
    fn ours_is_found_behind_generic_layers() {
        let boxed: BoxError = Box::new(Error::new(ErrorKind::RateLimited, "slow down"));
        assert_eq!(Error::from_box(boxed).kind(), ErrorKind::RateLimited);
        let foreign: BoxError = Box::new(tower::timeout::error::Elapsed::new());
        assert_eq!(Error::from_box(foreign).kind(), ErrorKind::Timeout);
        let foreign: BoxError = Box::new(tower::load_shed::error::Overloaded::new());
        assert_eq!(Error::from_box(foreign).kind(), ErrorKind::Overloaded);
        assert_eq!(Error::from_box("odd".into()).kind(), ErrorKind::Server);
    }
}
