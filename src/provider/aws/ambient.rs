//! Keys that the surroundings give: the agent of a container, or the metadata service of a machine.

use std::{
    fmt,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use http::{HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;
use tokio::{sync::Mutex, time::timeout};
use tower::ServiceExt;
use tower_service::Service;

use super::AwsKeys;
use crate::{
    Body, BoxError,
    credential::{Credentials, Secret},
    dialect::rfc3339,
    error::{Error, ErrorKind},
    provider::secret_header,
};

/// How long to wait for keys.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long before their end keys are replaced.
const MARGIN: Duration = Duration::from_secs(300);

/// How long to do with keys that are about to end if no others could be had.
const PAUSE: Duration = Duration::from_secs(30);

/// The most bytes of an answer.
const MAX_ANSWER: usize = 64 << 10;

/// Who gives the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySource {
    /// The agent beside a container, as ECS and EKS have it.
    Container {
        /// Where it is asked.
        uri: Uri,
        /// What is shown to it, if anything.
        token: Option<Secret>,
        /// The file that holds what is shown to it; it is read anew each time.
        token_file: Option<PathBuf>,
    },
    /// The metadata service of an EC2 machine, version 2.
    Instance {
        /// Its address.
        base_url: Uri,
    },
}

impl KeySource {
    /// The container's agent, where the environment names it.
    pub fn container(env: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let env = |name| env(name).filter(|value| !value.trim().is_empty());
        let uri = match env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            Some(path) => format!("http://169.254.170.2{}", path.trim()),
            None => env("AWS_CONTAINER_CREDENTIALS_FULL_URI")?.trim().to_owned(),
        };
        Some(Self::Container {
            uri: uri.parse().ok()?,
            token: env("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Secret::new),
            token_file: env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").map(PathBuf::from),
        })
    }

    /// The machine's metadata service, at its usual address.
    pub fn instance() -> Self {
        Self::Instance {
            base_url: Uri::from_static("http://169.254.169.254"),
        }
    }
}

/// Temporary keys of a [`KeySource`], fetched when they are needed and replaced five minutes before they end. Whoever comes
/// while they are fetched waits for the same answer.
pub struct AmbientKeys<C> {
    client: C,
    source: KeySource,
    clock: fn() -> SystemTime,
    held: Mutex<Option<Held>>,
}

struct Held {
    secret: Secret,
    /// None for ever.
    ends: Option<SystemTime>,
    /// When others are to be fetched.
    replace: Option<SystemTime>,
}

impl<C> AmbientKeys<C> {
    /// Keys of `source`, fetched with any HTTP client.
    pub fn new(client: C, source: KeySource) -> Self {
        Self {
            client,
            source,
            clock: SystemTime::now,
            held: Mutex::new(None),
        }
    }

    /// Where the time comes from; the system's clock otherwise.
    #[must_use]
    pub fn clock(mut self, clock: fn() -> SystemTime) -> Self {
        self.clock = clock;
        self
    }
}

impl<C, B> Credentials for AmbientKeys<C>
where
    C: Service<Request<Body>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    C::Error: Into<BoxError>,
    C::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn secret(&self) -> BoxFuture<'_, Result<Secret, Error>> {
        async move {
            let mut held = self.held.lock().await;
            let now = (self.clock)();
            if let Some(keys) = &*held
                && keys.replace.is_none_or(|replace| now < replace)
            {
                return Ok(keys.secret.clone());
            }
            let fetched = timeout(PATIENCE, self.fetch()).await;
            match fetched.unwrap_or_else(|_| Err(failed("they did not come in time"))) {
                Ok(keys) => Ok(held.insert(keys).secret.clone()),
                Err(error) => match &mut *held {
                    Some(keys) if keys.ends.is_some_and(|ends| now < ends) => {
                        tracing::warn!(error = error.message(), "old keys must do for a while");
                        keys.replace = now.checked_add(PAUSE);
                        Ok(keys.secret.clone())
                    }
                    _ => Err(error),
                },
            }
        }
        .boxed()
    }
}

impl<C, B> AmbientKeys<C>
where
    C: Service<Request<Body>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    C::Error: Into<BoxError>,
    C::Future: Send,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    async fn fetch(&self) -> Result<Held, Error> {
        let answer = match &self.source {
            KeySource::Container {
                uri,
                token,
                token_file,
            } => {
                let mut request = Request::get(uri);
                if let Some(token) = shown(token.as_ref(), token_file.as_ref())? {
                    request = request.header(header::AUTHORIZATION, token);
                }
                self.ask(request).await?
            }
            KeySource::Instance { base_url } => self.ask_machine(base_url).await?,
        };
        Held::read(&answer)
    }

    /// A session first, then the name of the machine's role, then its keys.
    async fn ask_machine(&self, base_url: &Uri) -> Result<Bytes, Error> {
        const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
        let base = base_url.to_string();
        let base = base.trim_end_matches('/');
        let session = Request::builder()
            .method(Method::PUT)
            .uri(format!("{base}/latest/api/token"))
            .header("x-aws-ec2-metadata-token-ttl-seconds", "21600");
        let session = self.ask(session).await?;
        let session = secret_header(String::from_utf8_lossy(&session).trim())?;
        let read = |path: &str| {
            Request::get(format!("{base}{ROLES}{path}"))
                .header("x-aws-ec2-metadata-token", session.clone())
        };
        let roles = self.ask(read("")).await?;
        let roles = String::from_utf8_lossy(&roles);
        let role = roles.lines().next().unwrap_or_default().trim();
        if role.is_empty() {
            return Err(failed("the machine has no role"));
        }
        self.ask(read(role)).await
    }

    async fn ask(&self, request: http::request::Builder) -> Result<Bytes, Error> {
        let request = request
            .body(Body::empty())
            .map_err(|_| failed("their address does not make a URL"))?;
        let client = self.client.clone();
        let response = client
            .oneshot(request)
            .await
            .map_err(|source| failed("nobody answered").with_source(source))?;
        let status = response.status();
        if !status.is_success() {
            return Err(failed(&format!("the answer was {}", status.as_u16())));
        }
        let body = Limited::new(Body::new(response.into_body()), MAX_ANSWER).collect();
        let body = body
            .await
            .map_err(|source| failed("the answer broke off").with_source(source))?;
        Ok(body.to_bytes())
    }
}

impl Held {
    fn read(answer: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Keys {
            access_key_id: String,
            secret_access_key: String,
            #[serde(default)]
            token: String,
            #[serde(default)]
            expiration: Option<String>,
        }
        // What is wrong with it is not told: it may hold keys.
        let keys: Keys =
            serde_json::from_slice(answer).map_err(|_| failed("the answer held none"))?;
        let ends = keys.expiration.as_deref().and_then(rfc3339);
        let secret = AwsKeys::new(keys.access_key_id, keys.secret_access_key)
            .with_session_token(keys.token)
            .to_secret();
        Ok(Self {
            secret,
            ends,
            replace: ends.and_then(|ends| ends.checked_sub(MARGIN)),
        })
    }
}

/// What is shown to a container's agent. The file goes first, as AWS's own clients have it.
fn shown(token: Option<&Secret>, file: Option<&PathBuf>) -> Result<Option<HeaderValue>, Error> {
    if let Some(path) = file {
        // A line in a file system of memory: not worth a thread.
        let text = std::fs::read_to_string(path)
            .map_err(|source| failed("their token's file cannot be read").with_source(source))?;
        return secret_header(text.trim()).map(Some);
    }
    token.map(|token| secret_header(token.expose())).transpose()
}

fn failed(why: &str) -> Error {
    let message = format!("AWS's keys could not be had: {why}");
    Error::new(ErrorKind::Authentication, message)
}

impl<C> fmt::Debug for AmbientKeys<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmbientKeys")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use std::{
        sync::atomic::{AtomicU64, Ordering},
        time::UNIX_EPOCH,
    };

    use super::*;
    use crate::testing::{Answer, Vendor};

    fn keys(id: &str, ends: &str) -> Answer {
        let text = format!(
            r#"{{"Code":"Success","AccessKeyId":"{id}","SecretAccessKey":"canary","Token":"t","Expiration":"{ends}"}}"#
        );
        // Machines say it is plain text.
        Answer::status(200).body(text)
    }

    fn secret(id: &str) -> Secret {
        let keys = AwsKeys::new(id, "canary").with_session_token("t");
        keys.to_secret()
    }

    #[tokio::test]
    async fn a_containers_keys_are_replaced_before_they_end() {
        static NOW: AtomicU64 = AtomicU64::new(0);
        let env = |name: &str| match name {
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" => Some("/v2/credentials/x".to_owned()),
            "AWS_CONTAINER_AUTHORIZATION_TOKEN" => Some("shown".to_owned()),
            _ => None,
        };
        let agent = Vendor::new();
        let source = KeySource::container(&env).unwrap();
        let all = AmbientKeys::new(agent.clone(), source)
            .clock(|| UNIX_EPOCH + Duration::from_secs(NOW.load(Ordering::Relaxed)));

        agent.push(Answer::status(500));
        let error = all.secret().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Authentication);
        // They end after an hour, and are kept for 55 minutes.
        agent.push(keys("first", "1970-01-01T01:00:00Z"));
        for now in [0, 3_299] {
            NOW.store(now, Ordering::Relaxed);
            assert_eq!(all.secret().await.unwrap(), secret("first"));
        }
        let request = agent.requests().pop().unwrap();
        assert_eq!(request.path(), "/v2/credentials/x");
        assert_eq!(request.header("authorization"), Some("shown"));
        assert_eq!(agent.requests().len(), 2);

        // Then others are asked for; while there are none, and for a pause, the old ones do.
        agent.push(Answer::json(200, r#"{"Message":"canary"}"#));
        for now in [3_300, 3_329] {
            NOW.store(now, Ordering::Relaxed);
            assert_eq!(all.secret().await.unwrap(), secret("first"));
        }
        assert_eq!(agent.requests().len(), 3);
        agent.push(keys("second", "1970-01-01T02:00:00Z"));
        NOW.store(3_330, Ordering::Relaxed);
        assert_eq!(all.secret().await.unwrap(), secret("second"));
        // What has ended is not shown to anybody.
        agent.push(Answer::json(200, r#"{"Message":"canary"}"#));
        NOW.store(7_200, Ordering::Relaxed);
        let error = all.secret().await.unwrap_err();
        assert!(!format!("{error} {all:?}").contains("canary"));
    }

    #[tokio::test]
    async fn a_machines_keys_take_a_session_and_a_role() {
        let machine = Vendor::new();
        machine.push(Answer::status(200).body("session"));
        machine.push(Answer::status(200).body("role\n"));
        machine.push(keys("machine", "2099-01-01T00:00:00Z"));
        let all = AmbientKeys::new(machine.clone(), KeySource::instance());
        assert_eq!(all.secret().await.unwrap(), secret("machine"));
        assert_eq!(all.secret().await.unwrap(), secret("machine"));
        let requests = machine.requests();
        let seen: Vec<_> = requests
            .iter()
            .map(|request| (request.path(), request.header("x-aws-ec2-metadata-token")))
            .collect();
        let roles = "/latest/meta-data/iam/security-credentials/";
        let role = format!("{roles}role");
        let expected = [
            ("/latest/api/token", None),
            (roles, Some("session")),
            (&role, Some("session")),
        ];
        assert_eq!(seen, expected);
        assert_eq!(requests[0].method, Method::PUT);
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_answer_is_not_waited_for_long() {
        let silent = Vendor::new();
        silent.always(Answer::silence());
        let all = AmbientKeys::new(silent, KeySource::instance());
        let error = all.secret().await.unwrap_err();
        assert!(error.message().contains("in time"), "{error}");
    }
}
