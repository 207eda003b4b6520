//! What an operator may ask a running gateway.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use serde::Serialize;

use super::Gateway;
use crate::{Body, BoxError, error::Error, ingress::explained};

impl Gateway {
    /// Answers an operator: `POST /admin/api/explain`, `GET /admin/api/calls`, and `GET` and `DELETE /admin/api/arms`, in JSON. Who may
    /// ask is for the server to see to before it calls this: there are no keys for it.
    ///
    /// `explain` takes the body of a call, in any front dialect, and tells what would become of it ([`explain`](Self::explain));
    /// `?path=` or `?dialect=` says which dialect, else the body's shape does. `{"model": "…", "caller": "…"}` is enough.
    ///
    /// `arms` tells the results of splits' arms and of shadows ([`Arms::report`](crate::split::Arms::report)); to delete them begins to
    /// count anew.
    pub async fn admin<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let path = request.uri().path().to_owned();
        match (request.method(), &*path) {
            (&Method::POST, "/admin/api/explain") => match explained(request).await {
                Ok(call) => json(StatusCode::OK, &self.explain(&call)),
                Err(error) => refused(error.status(), &error),
            },
            (&Method::GET, "/admin/api/calls") => json(StatusCode::OK, &self.calls().latest()),
            (&Method::GET, "/admin/api/arms") => json(StatusCode::OK, &self.arms().report()),
            (&Method::DELETE, "/admin/api/arms") => {
                self.arms().reset();
                json(StatusCode::OK, &self.arms().report())
            }
            (_, "/admin/api/explain" | "/admin/api/calls" | "/admin/api/arms") => {
                let error =
                    Error::invalid("method", "POST explain, GET calls, GET and DELETE arms");
                refused(StatusCode::METHOD_NOT_ALLOWED, &error)
            }
            _ => {
                let error = Error::invalid("path", "there are `explain`, `calls` and `arms`");
                refused(StatusCode::NOT_FOUND, &error)
            }
        }
    }
}

fn refused(status: StatusCode, error: &Error) -> Response<Body> {
    let told =
        serde_json::json!({"error": {"kind": error.kind().as_str(), "message": error.message()}});
    json(status, &told)
}

fn json(status: StatusCode, told: &impl Serialize) -> Response<Body> {
    // What is told are texts and numbers: it can be written.
    let bytes = serde_json::to_vec(told).unwrap_or_default();
    let mut response = Response::new(Body::new(Full::new(Bytes::from(bytes))));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
