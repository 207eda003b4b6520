//! The certificate, which may be renewed while the server runs.

use std::{
    fs, io,
    sync::{Arc, PoisonError, RwLock},
};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};
use trunkline::{BoxError, config::TlsConfig};

/// What new connections are greeted with.
#[derive(Clone)]
pub struct Certificate(Arc<RwLock<Arc<ServerConfig>>>);

impl Certificate {
    pub fn load(files: &TlsConfig) -> Result<Self, BoxError> {
        Ok(Self(Arc::new(RwLock::new(read(files)?))))
    }

    /// Reads the files again. On failure the old certificate stays.
    pub fn reload(&self, files: &TlsConfig) -> Result<(), BoxError> {
        let fresh = read(files)?;
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    pub fn acceptor(&self) -> TlsAcceptor {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(current.clone())
    }
}

fn read(files: &TlsConfig) -> Result<Arc<ServerConfig>, BoxError> {
    let named = |what: &str, file: &std::path::Path, error: &dyn std::fmt::Display| {
        format!("server.tls.{what}: {}: {error}", file.display())
    };
    let open = |what: &str, file: &std::path::Path| {
        fs::read(file).map_err(|error: io::Error| named(what, file, &error))
    };
    let chain = open("cert", &files.cert)?;
    let chain = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| named("cert", &files.cert, &error))?;
    if chain.is_empty() {
        return Err(named("cert", &files.cert, &"there is no certificate in it").into());
    }
    let key = PrivateKeyDer::from_pem_slice(&open("key", &files.key)?)
        .map_err(|error| named("key", &files.key, &error))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| named("key", &files.key, &error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
