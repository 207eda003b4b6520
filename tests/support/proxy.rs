//! Two small proxies over real sockets: HTTP's absolute form, and SOCKS5.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
};

/// A proxy that serves until it is dropped.
pub struct Proxy {
    pub address: SocketAddr,
    seen: Arc<Seen>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    /// What each connection said first: a request's head, or user and password.
    openings: Mutex<Vec<String>>,
}

impl Proxy {
    /// `GET http://host/path`, as clients ask proxies for plain HTTP.
    pub async fn http() -> Self {
        Self::start(|stream, seen| async move { forward(stream, &seen).await }).await
    }

    /// SOCKS5, with user and password if they are offered.
    pub async fn socks5() -> Self {
        Self::start(|stream, seen| async move { socks(stream, &seen).await }).await
    }

    async fn start<F, S>(serve: S) -> Self
    where
        S: Fn(TcpStream, Arc<Seen>) -> F + Send + 'static,
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Seen::default());
        let all = seen.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                all.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, all.clone()));
            }
        });
        Self {
            address,
            seen,
            task,
        }
    }

    pub fn connections(&self) -> usize {
        self.seen.connections.load(Ordering::Relaxed)
    }

    pub fn openings(&self) -> Vec<String> {
        self.seen.openings.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An address at which nobody listens, nor will: it is taken.
pub struct Dead(TcpSocket);

impl Dead {
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .expect("a free port");
        Self(socket)
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("an address")
    }
}

async fn forward(mut stream: TcpStream, seen: &Seen) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let target = text.split(' ').nth(1).unwrap_or_default().to_owned();
    seen.openings.lock().unwrap().push(text);
    let host = target
        .strip_prefix("http://")
        .and_then(|rest| rest.split('/').next())
        .ok_or(io::ErrorKind::InvalidData)?;
    let mut vendor = TcpStream::connect(host).await?;
    vendor.write_all(&head).await?;
    tokio::io::copy_bidirectional(&mut stream, &mut vendor).await?;
    Ok(())
}

async fn socks(mut stream: TcpStream, seen: &Seen) -> io::Result<()> {
    const NONE: u8 = 0;
    const PASSWORD: u8 = 2;
    let [_version, count] = read(&mut stream).await?;
    let mut methods = vec![0; count.into()];
    stream.read_exact(&mut methods).await?;
    if methods.contains(&PASSWORD) {
        stream.write_all(&[5, PASSWORD]).await?;
        let [_version, length] = read(&mut stream).await?;
        let user = text(&mut stream, length).await?;
        let [length] = read(&mut stream).await?;
        let password = text(&mut stream, length).await?;
        seen.openings
            .lock()
            .unwrap()
            .push(format!("{user}:{password}"));
        stream.write_all(&[1, 0]).await?;
    } else {
        stream.write_all(&[5, NONE]).await?;
    }
    let [_version, _connect, _, kind] = read(&mut stream).await?;
    let host = match kind {
        1 => std::net::Ipv4Addr::from(read(&mut stream).await?).to_string(),
        3 => {
            let [length] = read(&mut stream).await?;
            text(&mut stream, length).await?
        }
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    let port = u16::from_be_bytes(read(&mut stream).await?);
    let mut vendor = TcpStream::connect((host, port)).await?;
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    tokio::io::copy_bidirectional(&mut stream, &mut vendor).await?;
    Ok(())
}

async fn read<const N: usize>(stream: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn text(stream: &mut TcpStream, length: u8) -> io::Result<String> {
    let mut bytes = vec![0; length.into()];
    stream.read_exact(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
