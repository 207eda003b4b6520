//! TLS as reqwest sets it up: the process's own cryptography if it installed some, else that of `aws-lc-rs`; who is trusted is the
//! system's affair (`SSL_CERT_FILE` and `SSL_CERT_DIR` included). Only HTTP/1.1 is offered.

use std::sync::Arc;

use rustls_platform_verifier::Verifier;
use tokio_rustls::rustls::{
    ALL_VERSIONS, AlertDescription, ClientConfig, Error,
    client::danger::ServerCertVerifier,
    crypto::{CryptoProvider, aws_lc_rs},
};

/// # Errors
/// If the system's certificates cannot be read.
pub(super) fn of_the_system() -> Result<Arc<ClientConfig>, Error> {
    let installed = CryptoProvider::get_default().cloned();
    let provider = installed.unwrap_or_else(|| Arc::new(aws_lc_rs::default_provider()));
    let verifier = Verifier::new(provider.clone())?;
    verified_by(Arc::new(verifier), provider)
}

pub(super) fn verified_by(
    verifier: Arc<dyn ServerCertVerifier>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<ClientConfig>, Error> {
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(ALL_VERSIONS)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Did the other side refuse because it speaks nothing but HTTP/2?
pub(super) fn lacks_http1(error: &std::io::Error) -> bool {
    let source = error.get_ref().and_then(|e| e.downcast_ref::<Error>());
    matches!(
        source,
        Some(Error::AlertReceived(
            AlertDescription::NoApplicationProtocol
        ))
    )
}
