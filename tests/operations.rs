//! The operations other than conversations, through a whole gateway: real sockets, scripted vendors.

mod support;

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use support::{Running, client, post, served, whole};
use trunkline::{
    Body, IngressLayer, PoolLayer, Pools, Provider, Secret, SseNormalizeLayer, Upstream,
    client::{Client, ClientOptions},
    dialect::rerank::VoyageRerank,
    issued::{AccountTag, unwrap},
    pool::{Pool, Vendor as Member},
    provider::{Bedrock, Compatible, preset},
    testing::{Answer, Recorded, Script, Server, Vendor},
    upstream::Account,
};

const CONFIG: &str = r#"
retry: { max_attempts: 2, base: 1ms, max: 5ms }
providers:
  o:
    kind: openai-compatible
    base_url: "${O}"
    accounts: [{ name: one, api_key: k1 }, { name: two, api_key: k2 }]
  g: { kind: gemini-compatible, base_url: "${G}", accounts: [k] }
  r:
    kind: responses-compatible
    base_url: "${R}"
    accounts: [{ name: r1, api_key: r1 }, { name: r2, api_key: r2 }]
  a: { kind: anthropic-compatible, base_url: "${A}", accounts: [k] }
models:
  m: { deployments: [o/upstream-model], balance: round-robin }
  gem: [g/gemini-embedding-001]
  native: { deployments: [r/up], balance: round-robin }
  claude: [a/claude]
  claude-alias: [a/claude]
"#;

struct Bed {
    openai: Vendor,
    claude: Vendor,
    gemini: Vendor,
    native: Vendor,
    gateway: Running,
    env: Vec<(&'static str, String)>,
    _servers: Vec<Server>,
}

async fn bed() -> Bed {
    let vendors = [Vendor::new(), Vendor::new(), Vendor::new(), Vendor::new()];
    let mut servers = Vec::new();
    for vendor in &vendors {
        servers.push(served(vendor).await);
    }
    let env = vec![
        ("O", servers[0].url("/v1")),
        ("G", servers[1].url("/v1beta")),
        ("R", servers[2].url("/v1")),
        ("A", servers[3].url("/v1")),
    ];
    let gateway = Running::start(CONFIG, &env).await;
    let [openai, gemini, native, claude] = vendors;
    Bed {
        openai,
        claude,
        gemini,
        native,
        gateway,
        env,
        _servers: servers,
    }
}

impl Bed {
    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let (status, _, body) = post(&self.gateway.url(path), body.to_string()).await;
        (
            status,
            serde_json::from_str(&body).unwrap_or(Value::String(body)),
        )
    }

    async fn send(&self, method: &str, path: &str) -> (u16, String) {
        let method = method.parse().unwrap();
        let call = client().request(method, self.gateway.url(path));
        let (status, _, body) = whole(call).await;
        (status, body)
    }
}

fn last(vendor: &Vendor) -> Recorded {
    vendor.requests().pop().expect("a request")
}

/// The account that called.
fn account(request: &Recorded) -> &'static str {
    match request.header("authorization") {
        Some("Bearer k1") => "one",
        Some("Bearer k2") => "two",
        Some("Bearer r1") => "r1",
        Some("Bearer r2") => "r2",
        other => panic!("{other:?}"),
    }
}

// ---- embeddings

const FLOATS: [f32; 3] = [0.5, -1.0, 0.25];
const BASE64: &str = "AAAAPwAAgL8AAIA+";

#[tokio::test]
async fn vectors_come_as_they_were_asked_for_whatever_the_vendor_sends() {
    let bed = bed().await;
    bed.gemini.on(|request| {
        let count = request.text().matches("\"content\"").count();
        let one = json!({"values": FLOATS});
        let answer = if request.path().ends_with(":embedContent") {
            json!({"embedding": one})
        } else {
            json!({"embeddings": vec![one; count]})
        };
        Some(Answer::json(200, answer.to_string()))
    });
    for sent in [json!(FLOATS), json!(BASE64)] {
        bed.openai.always(Answer::json(
            200,
            json!({"object":"list","data":[{"object":"embedding","index":0,"embedding":sent}],"model":"up","usage":{"prompt_tokens":4,"total_tokens":4}}).to_string(),
        ));
        for model in ["m", "gem"] {
            for (encoding, want) in [
                (None, json!(FLOATS)),
                (Some("float"), json!(FLOATS)),
                (Some("base64"), json!(BASE64)),
            ] {
                let mut ask = json!({"model": model, "input": "hi"});
                if let Some(encoding) = encoding {
                    ask["encoding_format"] = json!(encoding);
                }
                let (status, answer) = bed.post("/v1/embeddings", &ask).await;
                assert_eq!(status, 200, "{answer}");
                assert_eq!(answer["data"][0]["embedding"], want, "{model} {encoding:?}");
                assert_eq!(answer["object"], "list");
                assert!(answer["usage"]["total_tokens"].is_number());
            }
        }
    }
    let request = last(&bed.openai);
    assert_eq!(request.path(), "/v1/embeddings");
    // The caller's bytes, but for the model.
    assert_eq!(
        request.text(),
        r#"{"encoding_format":"base64","input":"hi","model":"upstream-model"}"#
    );

    let ask = json!({"model":"gem","input":vec!["x"; 130],"dimensions":3,"input_type":"query"});
    let (status, answer) = bed.post("/v1/embeddings", &ask).await;
    assert_eq!(
        (status, answer["data"].as_array().unwrap().len()),
        (200, 130)
    );
    assert_eq!(answer["data"][129]["index"], 129);
    let request = last(&bed.gemini);
    assert_eq!(
        request.path(),
        "/v1beta/models/gemini-embedding-001:batchEmbedContents"
    );
    assert_eq!(
        request.string("/requests/0/taskType").as_deref(),
        Some("RETRIEVAL_QUERY")
    );

    // Tokens are words of one vendor's own.
    let (status, answer) = bed
        .post("/v1/embeddings", &json!({"model":"gem","input":[1,2]}))
        .await;
    assert_eq!(status, 400, "{answer}");
    assert_eq!(answer["error"]["param"], "input[0]");
    let (status, answer) = bed
        .post("/v1/embeddings", &json!({"model":"claude","input":"x"}))
        .await;
    assert_eq!(status, 400, "{answer}");
}

#[tokio::test]
async fn googles_callers_get_googles_vectors_from_anybody() {
    let bed = bed().await;
    bed.gemini.always(Answer::json(
        200,
        json!({"embedding":{"values":FLOATS}}).to_string(),
    ));
    bed.openai.always(Answer::json(
        200,
        json!({"data":[{"index":0,"embedding":FLOATS},{"index":1,"embedding":FLOATS}]}).to_string(),
    ));
    let one = json!({"model":"models/gem","content":{"parts":[{"text":"hi"}]},"novel":1});
    let (status, answer) = bed.post("/v1beta/models/gem:embedContent", &one).await;
    assert_eq!(status, 200);
    assert_eq!(answer["embedding"]["values"], json!(FLOATS));
    let request = last(&bed.gemini);
    assert_eq!(
        request.path(),
        "/v1beta/models/gemini-embedding-001:embedContent"
    );
    assert_eq!(
        (
            request.string("/model").as_deref(),
            request.field("/novel").as_deref()
        ),
        (Some("models/gemini-embedding-001"), Some("1"))
    );
    let content = |text: &str| json!({"model":"models/m","content":{"parts":[{"text":text}]}});
    let two = json!({"requests":[content("a"), content("b")]});
    let (status, answer) = bed.post("/v1beta/models/m:batchEmbedContents", &two).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["embeddings"][1]["values"], json!(FLOATS));
    assert_eq!(
        last(&bed.openai).field("/input").as_deref(),
        Some(r#"["a","b"]"#)
    );
}

/// A gateway of one hand-made provider, for vendors that a configuration does not know yet.
async fn hand_made(provider: Compatible) -> (String, tokio::task::JoinHandle<()>) {
    hand_made_of(provider, "up").await
}

async fn hand_made_of(
    provider: impl Provider,
    model: &str,
) -> (String, tokio::task::JoinHandle<()>) {
    let provider: Arc<dyn Provider> = Arc::new(provider);
    let account = Arc::new(Account::new("a", Secret::new("k")));
    let pools = Pools::new().pool(
        "m",
        Pool::new().vendor(Member::new(provider, model).account(account, 1)),
    );
    let client = Client::new(&ClientOptions::new()).unwrap();
    let service = tower::ServiceBuilder::new()
        .layer(IngressLayer::new())
        .layer(SseNormalizeLayer::new())
        .layer(PoolLayer::new(pools))
        .service(Upstream::new(client));
    let service = tower::ServiceBuilder::new()
        .map_request(|request: http::Request<axum::body::Body>| request.map(Body::new))
        .map_response(|response: http::Response<Body>| response.map(axum::body::Body::new))
        .service(service);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().fallback_service(service);
    let task = tokio::spawn(async move {
        let _ = axum::serve(listener, app).await;
    });
    (format!("http://{address}"), task)
}

#[tokio::test]
async fn cohere_titan_and_voyage_are_asked_in_their_own_words() {
    let vendor = Vendor::new();
    let server = served(&vendor).await;
    vendor.on(|request| {
        let texts = request.field("/texts");
        let count = texts.map_or(1, |texts| {
            serde_json::from_str::<Vec<String>>(&texts).unwrap().len()
        });
        let answer = match request.path() {
            "/v2/embed" => json!({
                "embeddings": {"float": vec![FLOATS; count]},
                "meta": {"billed_units": {"input_tokens": count}}
            }),
            "/v2/rerank" => json!({
                "id": "x",
                "results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}],
                "meta": {"billed_units": {"search_units": 1}}
            }),
            "/v1/rerank" => json!({
                "object": "list",
                "data": [{"index": 1, "relevance_score": 0.9}],
                "usage": {"total_tokens": 9}
            }),
            "/model/amazon.titan-embed-text-v2%3A0/invoke" => {
                // Told apart by their text: the order must be the caller's.
                let n: f32 = request.string("/inputText").unwrap().parse().unwrap();
                json!({"embedding": [n], "inputTextTokenCount": 2})
            }
            _ => return None,
        };
        Some(Answer::json(200, answer.to_string()))
    });
    let cohere = Compatible::cohere("cohere", &server.url("/v2")).unwrap();
    let (url, _gateway) = hand_made(cohere).await;
    let ask = json!({"model":"m","input":["a","b"],"encoding_format":"base64"}).to_string();
    let (status, headers, body) = post(&format!("{url}/v1/embeddings"), ask).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, &body["data"][1]["embedding"]),
        (200, &json!(BASE64))
    );
    assert_eq!(body["usage"]["prompt_tokens"], 2);
    assert_eq!(headers["x-trunkline-lossy"], "input_type=defaulted");

    let ask =
        json!({"model":"m","query":"q","documents":["x","y"],"top_n":2,"return_documents":true});
    let (status, _, body) = post(&format!("{url}/v2/rerank"), ask.to_string()).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        body["results"][0],
        json!({"index":1,"relevance_score":0.9,"document":{"text":"y"}})
    );
    assert_eq!(last(&vendor).field("/return_documents"), None);

    let voyage = Compatible::openai("voyage", &server.url("/v1"))
        .unwrap()
        .rerank(&VoyageRerank);
    let (url, _gateway) = hand_made(voyage).await;
    let (status, _, body) = post(&format!("{url}/v1/rerank"), ask.to_string()).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains(r#""results":[{"index":1"#), "{body}");
    assert_eq!(last(&vendor).field("/top_k").as_deref(), Some("2"));

    let bedrock = Bedrock::new("bedrock", "us-east-1").unwrap();
    let titan = bedrock.with_base_url(&server.url("")).unwrap();
    let (url, _gateway) = hand_made_of(titan, "amazon.titan-embed-text-v2:0").await;
    let texts: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    let ask = json!({"model":"m","input":texts}).to_string();
    let (status, _, body) = post(&format!("{url}/v1/embeddings"), ask).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200, "{body}");
    for n in 0..20 {
        assert_eq!(body["data"][n]["embedding"], json!([n as f32]));
    }
    assert_eq!(body["usage"]["prompt_tokens"], 40);
}

#[tokio::test]
async fn bedrocks_other_models_are_invoked_and_claude_is_counted() {
    let vendor = Vendor::new();
    let server = served(&vendor).await;
    vendor.on(|request| {
        let answer = match request.path() {
            "/model/cohere.embed-v4%3A0/invoke" => {
                json!({"embeddings": {"float": [FLOATS, FLOATS]}})
            }
            "/model/cohere.embed-english-v3/invoke" => json!({"embeddings": [FLOATS, FLOATS]}),
            "/model/cohere.rerank-v3-5%3A0/invoke" => {
                json!({"results": [{"index": 1, "relevance_score": 0.9}]})
            }
            "/model/anthropic.claude-sonnet-4-5-v1%3A0/count-tokens" => json!({"inputTokens": 16}),
            _ => return None,
        };
        Some(Answer::json(200, answer.to_string()))
    });
    let embed = json!({"model": "m", "input": ["a", "b"], "input_type": "query"});
    let rerank =
        json!({"model": "m", "query": "q", "documents": ["x", "y"], "return_documents": true});
    let count = json!({"model": "m", "system": "Be brief.", "messages": [{"role": "user", "content": "hi"}]});
    for (model, path, ask, said, told) in [
        (
            "cohere.embed-v4:0",
            "/v1/embeddings",
            &embed,
            json!({"input_type": "search_query", "texts": ["a", "b"], "embedding_types": ["float"]}),
            ("/data/1/embedding", json!(FLOATS)),
        ),
        (
            "cohere.embed-english-v3",
            "/v1/embeddings",
            &embed,
            json!({"input_type": "search_query", "texts": ["a", "b"], "embedding_types": ["float"]}),
            ("/data/1/embedding", json!(FLOATS)),
        ),
        (
            "cohere.rerank-v3-5:0",
            "/v1/rerank",
            &rerank,
            json!({"query": "q", "documents": ["x", "y"], "api_version": 2}),
            ("/results/0/document/text", json!("y")),
        ),
        (
            "us.anthropic.claude-sonnet-4-5-v1:0",
            "/v1/messages/count_tokens",
            &count,
            json!({"input": {"converse": {"system": [{"text": "Be brief."}], "messages": [{"role": "user", "content": [{"text": "hi"}]}]}}}),
            ("/input_tokens", json!(16)),
        ),
    ] {
        let bedrock = Bedrock::new("bedrock", "us-east-1").unwrap();
        let bedrock = bedrock.with_base_url(&server.url("")).unwrap();
        let (url, _gateway) = hand_made_of(bedrock, model).await;
        let (status, _, body) = post(&format!("{url}{path}"), ask.to_string()).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(status, 200, "{model}: {body}");
        assert_eq!(body.pointer(told.0), Some(&told.1), "{model}: {body}");
        let sent: Value = serde_json::from_str(&last(&vendor).text()).unwrap();
        assert_eq!(sent, said, "{model}");
    }
}

#[tokio::test]
async fn voyage_and_jina_are_known_by_name() {
    let vendor = Vendor::new();
    let server = served(&vendor).await;
    vendor.always(Answer::json(
        200,
        json!({"data": [{"index": 0, "embedding": FLOATS}], "usage": {"total_tokens": 3}})
            .to_string(),
    ));
    let ask = json!({"model":"m","input":"a","input_type":"document","dimensions":3,"encoding_format":"base64"});
    for (name, said) in [
        (
            "voyage",
            json!({"model":"up","input":["a"],"input_type":"document","output_dimension":3}),
        ),
        (
            "jina",
            json!({"model":"up","input":["a"],"task":"retrieval.passage","dimensions":3}),
        ),
    ] {
        let provider = preset(name).unwrap().provider().unwrap();
        let provider = provider.with_base_url(&server.url("/v1")).unwrap();
        let (url, _gateway) = hand_made(provider).await;
        let (status, _, body) = post(&format!("{url}/v1/embeddings"), ask.to_string()).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (status, &body["data"][0]["embedding"]),
            (200, &json!(BASE64))
        );
        assert_eq!(body["usage"]["total_tokens"], 3);
        let sent: Value = serde_json::from_str(&last(&vendor).text()).unwrap();
        assert_eq!(sent, said, "{name}");
    }
}

// ---- passed through

#[tokio::test]
async fn what_is_passed_through_keeps_its_bytes_both_ways() {
    let bed = bed().await;
    let odd = "{ \"b\" : 1.0,\"input\":\"\\u00e9\", \"model\":\"m\",\"a\":[ ] }";
    for (path, kind, reply) in [
        (
            "/v1/moderations",
            "application/json",
            "{ \"id\":\"modr-1\",\"results\":[] }",
        ),
        ("/v1/rerank", "application/json", "{ \"results\":[] }"),
        (
            "/v1/images/generations",
            "application/json",
            "{ \"created\":1,\"data\":[{\"b64_json\":\"AAAA\"}] }",
        ),
        (
            "/v1/images/generations",
            "text/event-stream",
            "event: image_generation.partial_image\ndata: {\"x\":1.0}\n\n",
        ),
        ("/v1/audio/speech", "audio/mpeg", "ID3\u{0}\u{1}sound"),
    ] {
        // The first account fails: another one serves it.
        bed.openai
            .push(Answer::openai_error(500, "server_error", "", "oops"));
        bed.openai
            .push(Answer::status(200).header("content-type", kind).body(reply));
        let (status, headers, body) = post(&bed.gateway.url(path), odd).await;
        assert_eq!((status, body.as_str()), (200, reply), "{path}");
        assert_eq!(headers["content-type"], kind);
        assert_eq!(headers["x-trunkline-attempts"], "2");
        let request = last(&bed.openai);
        assert_eq!(request.path(), path);
        assert_eq!(request.text(), odd.replace("\"m\"", "\"upstream-model\""));
    }
    // An error keeps the vendor's words.
    let error = Answer::openai_error(400, "invalid_request_error", "bad_voice", "No such voice.");
    bed.openai.push(error);
    let (status, answer) = bed
        .post(
            "/v1/audio/speech",
            &json!({"model":"m","input":"x","voice":"y"}),
        )
        .await;
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("bad_voice"))
    );
    for (path, body, param) in [
        ("/v1/audio/speech", "{}", "model"),
        ("/v1/embeddings", "[]", ""),
        ("/v1/embeddings", "{\"model\":\"m\"", ""),
        (
            "/v1/audio/transcriptions",
            "{\"model\":\"m\"}",
            "content-type",
        ),
    ] {
        let before = bed.openai.requests().len();
        let (status, _, answer) = post(&bed.gateway.url(path), body).await;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(matches!(status, 400 | 415), "{path}: {answer}");
        assert_eq!(
            answer["error"]["param"].as_str().unwrap_or(""),
            param,
            "{path}"
        );
        assert_eq!(bed.openai.requests().len(), before);
    }
    assert_eq!(bed.gateway.in_flight(), 0);
}

#[tokio::test]
async fn pain_p182_p183_a_form_arrives_as_it_was_sent_but_for_the_models_name() {
    let bed = bed().await;
    let boundary = "----WebKit\"Form";
    let form = |model: &str| {
        let mut body = Vec::new();
        // The file before the model, a name with quotes, bytes that look like a boundary, a field twice, a strange header.
        body.extend_from_slice(b"------WebKit\"Form\r\nContent-Disposition: form-data; name=\"file\"; filename=\"my \\\"odd\\\" n\xc3\xa4me.m4a\"\r\nContent-Type: audio/x-m4a\r\nX-Odd: 1\r\n\r\n\x00\x01\r\n------WebKit\r\nname=\"model\"\r\n\r\nm\r\n\xff\r\n");
        body.extend_from_slice(b"------WebKit\"Form\r\nContent-Disposition: form-data; name=\"timestamp_granularities[]\"\r\n\r\nword\r\n");
        body.extend_from_slice(
            b"------WebKit\"Form\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\n",
        );
        body.extend_from_slice(model.as_bytes());
        body.extend_from_slice(b"\r\n------WebKit\"Form\r\nContent-Disposition: form-data; name=\"timestamp_granularities[]\"\r\n\r\nsegment\r\n------WebKit\"Form--\r\n");
        body
    };
    let kind = format!(
        "multipart/form-data; boundary=\"{}\"",
        boundary.replace('"', "\\\"")
    );
    bed.openai
        .always(Answer::json(200, "{ \"text\":\"hello\" }"));
    for path in [
        "/v1/audio/transcriptions",
        "/v1/audio/translations",
        "/v1/images/edits",
        "/v1/images/variations",
        "/v1/videos",
    ] {
        let call = client()
            .post(bed.gateway.url(path))
            .header("content-type", &kind)
            .body(form("m"));
        let (status, _, body) = whole(call).await;
        assert_eq!(status, 200, "{path}: {body}");
        let request = last(&bed.openai);
        assert_eq!(request.path(), path);
        assert_eq!(request.header("content-type"), Some(&*kind));
        assert!(request.body == form("upstream-model"), "{path}");
    }
    let call = client()
        .post(bed.gateway.url("/v1/audio/transcriptions"))
        .header("content-type", "multipart/form-data; boundary=other")
        .body(form("m"));
    let (status, _, body) = whole(call).await;
    assert_eq!(status, 400);
    assert!(body.contains("boundary"), "{body}");
    // A sound's bytes are no tokens.
    let accounts = bed.gateway.gateway.pools().snapshot();
    let tokens: u64 = accounts.iter().map(|a| a.tokens_last_minute).sum();
    assert_eq!(tokens, 0);
}

// ---- what an account keeps

/// An answer that the vendor keeps.
fn kept(answer: &Answer, stream: bool) -> Answer {
    let text = String::from_utf8(answer.content().to_vec()).expect("text");
    let text = text.replace(r#""store":false"#, r#""store":true"#);
    if stream {
        Answer::sse([text])
    } else {
        Answer::json(200, text)
    }
}

/// Files and batches of two accounts, as one vendor keeps them.
fn keeps_files(vendor: &Vendor) {
    let kept: Mutex<Vec<(String, String)>> = Mutex::default();
    vendor.on(move |request| {
        let whose = account(request);
        let mut kept = kept.lock().unwrap();
        let path = request.path().trim_start_matches("/v1").to_owned();
        let not_found = || Answer::openai_error(404, "invalid_request_error", "", "No such object");
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let object = |id: &str| match id.starts_with("file-") {
            true => json!({"id":id,"object":"file","purpose":"batch"}),
            false => json!({
                "id":id,"object":"batch","input_file_id":format!("file-in{whose}"),"output_file_id":format!("file-out{whose}"),
                "error_file_id":null,"status":"completed","metadata":{"file_id":"the callers own"}
            }),
        };
        let mine = |kept: &Vec<(String, String)>, id: &str| {
            kept.iter().any(|(owner, known)| owner == whose && known == id)
        };
        Some(match (request.method.as_str(), parts.as_slice()) {
            ("POST", ["files"]) => {
                let id = format!("file-in{whose}");
                kept.push((whose.to_owned(), id.clone()));
                kept.push((whose.to_owned(), format!("file-out{whose}")));
                Answer::json(200, object(&id).to_string())
            }
            ("POST", ["batches"]) => {
                let input = request.string("/input_file_id").unwrap();
                if !mine(&kept, &input) {
                    return Some(not_found());
                }
                let id = format!("batch_{whose}");
                kept.push((whose.to_owned(), id.clone()));
                Answer::json(200, object(&id).to_string())
            }
            ("GET", ["files", id, "content"]) if mine(&kept, id) => Answer::status(200)
                .header("content-type", "application/octet-stream")
                .body(format!("{{\"id\":\"{id}\"}}\n")),
            ("GET", ["files" | "batches", id]) if mine(&kept, id) => Answer::json(200, object(id).to_string()),
            ("DELETE", ["files", id]) if mine(&kept, id) => {
                Answer::json(200, json!({"id":id,"object":"file","deleted":true}).to_string())
            }
            ("POST", ["batches", id, "cancel"]) if mine(&kept, id) => Answer::json(200, object(id).to_string()),
            ("GET", ["files"]) => {
                let ids: Vec<&String> = kept.iter().filter(|(o, _)| o == whose).map(|(_, id)| id).collect();
                let data: Vec<Value> = ids.iter().map(|id| object(id)).collect();
                Answer::json(200, json!({"object":"list","data":data,"first_id":ids.first(),"last_id":ids.last()}).to_string())
            }
            _ => not_found(),
        })
    });
}

async fn upload(gateway: &Running) -> String {
    let body = "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.jsonl\"\r\n\r\n{\"custom_id\":\"1\"}\n\r\n--b--\r\n";
    let call = client()
        .post(gateway.url("/v1/files"))
        .header("content-type", "multipart/form-data; boundary=b")
        .body(body);
    let (status, _, answer) = whole(call).await;
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).unwrap();
    answer["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_batch_lives_at_one_account_and_outlives_the_gateway() {
    let mut bed = bed().await;
    keeps_files(&bed.openai);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..6 {
        let file = upload(&bed.gateway).await;
        let owner = account(&last(&bed.openai));
        seen.insert(owner);
        assert!(file.starts_with("file-tl1_"), "{file}");
        assert!(!file.contains(&format!("_{owner}_")), "{file}");
        assert_eq!(
            unwrap(&file),
            Some((AccountTag::of("o", owner), format!("file-in{owner}")))
        );

        let create = json!({"input_file_id":file,"endpoint":"/v1/chat/completions","completion_window":"24h"});
        let (status, batch) = bed.post("/v1/batches", &create).await;
        assert_eq!(status, 200, "{batch}");
        assert_eq!(account(&last(&bed.openai)), owner);
        assert_eq!(batch["input_file_id"], file);
        assert_eq!(batch["metadata"]["file_id"], "the callers own");
        let id = batch["id"].as_str().unwrap().to_owned();
        assert!(id.starts_with("batch_tl1_"));

        // Another process, with the same configuration in another order.
        bed.gateway = Running::start(
            &CONFIG.replace(
                "[{ name: one, api_key: k1 }, { name: two, api_key: k2 }]",
                "[{ name: two, api_key: k2 }, { name: one, api_key: k1 }]",
            ),
            &bed.env,
        )
        .await;
        let (status, text) = bed.send("GET", &format!("/v1/batches/{id}")).await;
        assert_eq!(status, 200, "{text}");
        assert_eq!(account(&last(&bed.openai)), owner);
        assert_eq!(
            last(&bed.openai).path(),
            format!("/v1/batches/batch_{owner}")
        );
        let batch: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(batch["error_file_id"], Value::Null);
        let output = batch["output_file_id"].as_str().unwrap();
        // What is in the file is nobody's to change.
        let (status, text) = bed
            .send("GET", &format!("/v1/files/{output}/content"))
            .await;
        assert_eq!(
            (status, text),
            (200, format!("{{\"id\":\"file-out{owner}\"}}\n"))
        );
        let (status, text) = bed.send("POST", &format!("/v1/batches/{id}/cancel")).await;
        assert!(status == 200 && text.contains(&id), "{text}");
        let (status, text) = bed.send("DELETE", &format!("/v1/files/{file}")).await;
        assert!(status == 200 && text.contains(&file), "{text}");
    }
    assert_eq!(seen.len(), 2, "both accounts had a turn");
    assert_eq!(bed.gateway.in_flight(), 0);
}

#[tokio::test]
async fn a_batch_names_models_as_its_account_does() {
    let bed = bed().await;
    bed.openai
        .always(Answer::json(200, r#"{"id":"file-1","object":"file"}"#));
    let lines = |model: &str| {
        let line = |n: usize, model: &str| {
            format!(
                "{{ \"custom_id\":\"{n}\",\"url\":\"/v1/chat/completions\",\"body\":{{\"messages\":[{{\"content\":\"model\",\"model\":\"m\"}}], \"model\" : \"{model}\"}}}}"
            )
        };
        // The last names nobody's model, one is no JSON, and one is the model of another account.
        [
            line(1, model),
            line(2, model),
            "not JSON: \"model\"".to_owned(),
            line(3, "gem"),
            line(4, "own-name"),
        ]
        .join("\r\n")
    };
    let form = |purpose: &str, model: &str| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.jsonl\"\r\n\r\n{}\r\n--b--\r\n",
            lines(model)
        )
    };
    for (purpose, query, want) in [
        ("batch", "", "upstream-model"),
        ("batch", "?model=m", "upstream-model"),
        ("fine-tune", "", "m"),
    ] {
        let call = client()
            .post(bed.gateway.url(&format!("/v1/files{query}")))
            .header("content-type", "multipart/form-data; boundary=b")
            .body(form(purpose, "m"));
        let (status, _, answer) = whole(call).await;
        assert_eq!(status, 200, "{answer}");
        assert_eq!(last(&bed.openai).text(), form(purpose, want));
    }

    bed.claude
        .always(Answer::json(200, r#"{"id":"msgbatch_1"}"#));
    let list = |model: &str| {
        json!({"requests":[{"custom_id":"1","params":{"model":model,"messages":[{"model":"claude-alias"}]}}]}).to_string()
    };
    let call = client()
        .post(bed.gateway.url("/v1/messages/batches"))
        .header("anthropic-version", "2023-06-01")
        .header("content-type", "application/json")
        .body(list("claude-alias"));
    let (status, _, answer) = whole(call).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(last(&bed.claude).text(), list("claude"));
}

#[tokio::test]
async fn a_list_is_one_accounts_and_its_next_page_the_same_accounts() {
    let bed = bed().await;
    keeps_files(&bed.openai);
    let file = upload(&bed.gateway).await;
    let owner = account(&last(&bed.openai));
    let (status, text) = bed
        .send("GET", &format!("/v1/files?after={file}&limit=1"))
        .await;
    assert_eq!(status, 200, "{text}");
    let request = last(&bed.openai);
    assert_eq!(account(&request), owner);
    assert_eq!(
        request.path_and_query(),
        format!("/v1/files?after=file-in{owner}&limit=1")
    );
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(list["first_id"], file);
    assert_eq!(list["data"][0]["id"], file);

    // A model's own accounts, by query and by header; neither is passed on.
    bed.native.always(Answer::json(200, r#"{"data":[]}"#));
    let (status, _) = bed.send("GET", "/v1/files?model=native&limit=3").await;
    assert_eq!(status, 200);
    assert_eq!(last(&bed.native).path_and_query(), "/v1/files?limit=3");
    let call = client()
        .get(bed.gateway.url("/v1/batches"))
        .header("x-trunkline-model", "native");
    assert_eq!(whole(call).await.0, 200);
    assert_eq!(last(&bed.native).header("x-trunkline-model"), None);

    // Or those that the configuration says.
    let text = format!("server: {{ files: r }}{CONFIG}");
    let gateway = Running::start(&text, &bed.env).await;
    let before = bed.native.requests().len();
    let (status, _, _) = whole(client().get(gateway.url("/v1/files"))).await;
    assert_eq!((status, bed.native.requests().len()), (200, before + 1));
}

#[tokio::test]
async fn an_id_of_nobody_here_is_not_found_and_one_of_an_account_that_is_out_waits_for_it() {
    let bed = bed().await;
    keeps_files(&bed.openai);
    let stranger = trunkline::issued::wrap("file-x", AccountTag::of("o", "gone"));
    let (status, text) = bed.send("GET", &format!("/v1/files/{stranger}")).await;
    assert_eq!(status, 404);
    assert!(text.contains(&stranger), "{text}");
    assert_eq!(bed.openai.requests().len(), 0);

    let file = upload(&bed.gateway).await;
    let owner = account(&last(&bed.openai));
    let other = if owner == "one" { "two" } else { "one" };
    let foreign = trunkline::issued::wrap("file-y", AccountTag::of("o", other));
    let both = json!({"input_file_id":file,"output_file_id":foreign});
    let (status, answer) = bed.post("/v1/batches", &both).await;
    assert_eq!(status, 400);
    assert_eq!(answer["error"]["code"], "ids_of_different_accounts");
    // The account that has it is asked, and nobody else.
    let (status, text) = bed.send("GET", &format!("/v1/files/{foreign}")).await;
    assert_eq!(status, 404, "{text}");
    assert!(text.contains("No such object"), "{text}");
    assert_eq!(account(&last(&bed.openai)), other);

    let limited = Answer::openai_error(429, "requests", "rate_limit_exceeded", "Slow down.")
        .header("retry-after", "30");
    bed.openai.push(limited);
    let before = bed.openai.requests().len();
    for _ in 0..2 {
        let call = client().get(bed.gateway.url(&format!("/v1/files/{file}")));
        let (status, headers, text) = whole(call).await;
        assert_eq!(status, 429, "{text}");
        let after: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((25..=30).contains(&after), "{after}");
    }
    assert_eq!(bed.openai.requests().len(), before + 1);
}

#[tokio::test]
async fn a_chat_that_names_a_file_goes_to_the_account_that_has_it() {
    let bed = bed().await;
    keeps_files(&bed.openai);
    let file = upload(&bed.gateway).await;
    let owner = account(&last(&bed.openai));
    let (_, native) = unwrap(&file).unwrap();
    for _ in 0..4 {
        bed.openai
            .push(Script::new().text("Read.").openai("up", false, false));
        let ask = json!({"model":"m","messages":[{"role":"user","content":[
            {"type":"text","text":file},
            {"type":"file","file":{"file_id":file}}
        ]}]});
        let (status, answer) = bed.post("/v1/chat/completions", &ask).await;
        assert_eq!(status, 200, "{answer}");
        let request = last(&bed.openai);
        assert_eq!(account(&request), owner);
        let part = "/messages/0/content";
        assert_eq!(
            request.string(&format!("{part}/1/file/file_id")),
            Some(native.clone())
        );
        // What the caller only speaks of stays as it is.
        assert_eq!(
            request.string(&format!("{part}/0/text")),
            Some(file.clone())
        );
    }
    let ask = json!({"model":"native","input":[{"role":"user","content":[{"type":"input_file","file_id":file}]}]});
    let (status, answer) = bed.post("/v1/responses", &ask).await;
    assert_eq!(status, 400, "{answer}");
    assert_eq!(answer["error"]["code"], "model_not_at_account");
}

#[tokio::test]
async fn pain_p28_a_stored_answer_is_continued_where_it_is() {
    let bed = bed().await;
    bed.native.on(|request| {
        let path = request.path().to_owned();
        if path != "/v1/responses" {
            let id = path.split('/').nth(3).unwrap();
            return Some(Answer::json(
                200,
                json!({"id":id,"object":"response","output":[{"id":"msg_1"}]}).to_string(),
            ));
        }
        let stream = request.field("/stream").as_deref() == Some("true");
        let answer = Script::new().text("Hello.").responses("up", stream);
        Some(kept(&answer, stream))
    });
    for stream in [false, true] {
        for _ in 0..3 {
            let ask = json!({"model":"native","input":"hi","stream":stream});
            let (status, _, text) = post(&bed.gateway.url("/v1/responses"), ask.to_string()).await;
            assert_eq!(status, 200, "{text}");
            let owner = account(&last(&bed.native));
            let ids: std::collections::BTreeSet<&str> = text
                .split('"')
                .filter(|word| word.starts_with("resp_"))
                .collect();
            assert_eq!(ids.len(), 1, "one id in all events: {ids:?}");
            let id = ids.into_iter().next().unwrap().to_owned();
            let (tag, native) = unwrap(&id).expect("an id that carries its account");
            assert_eq!(tag, AccountTag::of("r", owner));
            for _ in 0..3 {
                let ask = json!({"model":"native","input":"go on","previous_response_id":id,"stream":stream});
                let (status, _, _) = post(&bed.gateway.url("/v1/responses"), ask.to_string()).await;
                assert_eq!(status, 200);
                let request = last(&bed.native);
                assert_eq!(account(&request), owner);
                assert_eq!(
                    request.string("/previous_response_id"),
                    Some(native.clone())
                );
            }
            bed.native.push(kept(
                &Script::new().text("Hello.").responses("up", true),
                true,
            ));
            let again = format!("/v1/responses/{id}?stream=true&starting_after=3");
            let (status, text) = bed.send("GET", &again).await;
            assert_eq!(
                (status, text.matches("\"resp_tl1_").count()),
                (200, 3),
                "{text}"
            );
            assert!(text.contains("event: response.completed\n"), "{text}");
            for (method, below) in [
                ("GET", ""),
                ("POST", "/cancel"),
                ("DELETE", ""),
                ("GET", "/input_items"),
            ] {
                let (status, text) = bed
                    .send(method, &format!("/v1/responses/{id}{below}"))
                    .await;
                assert_eq!(status, 200, "{text}");
                assert!(
                    text.contains(&id) && text.contains(r#""id":"msg_1""#),
                    "{text}"
                );
                let request = last(&bed.native);
                assert_eq!(account(&request), owner);
                assert_eq!(request.path(), format!("/v1/responses/{native}{below}"));
            }
        }
    }
}

#[tokio::test]
async fn a_video_and_a_task_are_polled_where_they_were_begun() {
    let bed = bed().await;
    bed.openai.on(|request| {
        let body = match (request.method.as_str(), request.path()) {
            ("POST", "/v1/videos") => r#"{"id":"video_1","object":"video","status":"queued"}"#,
            ("POST", "/v1/images/generations") => {
                r#"{"output":{"task_id":"t-1","task_status":"PENDING"}}"#
            }
            ("GET", "/v1/videos/video_1") => {
                r#"{"id":"video_1","object":"video","status":"completed"}"#
            }
            ("GET", "/v1/tasks/t-1") => r#"{"output":{"task_id":"t-1","task_status":"SUCCEEDED"}}"#,
            ("GET", "/v1/videos/video_1/content") => {
                return Some(
                    Answer::status(200)
                        .header("content-type", "video/mp4")
                        .body("mp4"),
                );
            }
            _ => return None,
        };
        Some(Answer::json(200, body))
    });
    for _ in 0..3 {
        let ask = json!({"model":"m","prompt":"a cat"});
        let (_, video) = bed.post("/v1/videos", &ask).await;
        let owner = account(&last(&bed.openai));
        assert_eq!(
            last(&bed.openai).string("/model").as_deref(),
            Some("upstream-model")
        );
        let id = video["id"].as_str().unwrap();
        assert!(id.starts_with("video_tl1_"));
        for (below, want) in [("", id), ("/content", "mp4")] {
            let (status, text) = bed.send("GET", &format!("/v1/videos/{id}{below}")).await;
            assert!(status == 200 && text.contains(want), "{text}");
            assert_eq!(account(&last(&bed.openai)), owner);
        }
        let (_, task) = bed.post("/v1/images/generations", &ask).await;
        let owner = account(&last(&bed.openai));
        let id = task["output"]["task_id"].as_str().unwrap();
        let (status, text) = bed.send("GET", &format!("/v1/tasks/{id}")).await;
        assert!(status == 200 && text.contains(id), "{text}");
        assert_eq!(account(&last(&bed.openai)), owner);
    }
}

#[tokio::test]
async fn without_anything_that_says_which_account_the_fix_is_named() {
    let vendor = Vendor::new();
    let server = served(&vendor).await;
    let text = r#"
providers: { g: { kind: gemini-compatible, base_url: "${G}", accounts: [k] } }
models: { gem: [g/gem] }
"#;
    let gateway = Running::start(text, &[("G", server.url("/v1"))]).await;
    let (status, _, body) = whole(client().get(gateway.url("/v1/files"))).await;
    assert_eq!(status, 400);
    for fix in ["?model=", "x-trunkline-model", "server.files"] {
        assert!(body.contains(fix), "{body}");
    }
    vendor.always(Answer::json(
        200,
        r#"{"data":[{"id":"file_1","type":"file"}]}"#,
    ));
    let (status, _, body) = whole(client().get(gateway.url("/v1/files?model=gem"))).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("file_tl1_"), "{body}");
}

#[tokio::test]
async fn anthropics_callers_have_files_and_batches_of_their_own() {
    let bed = bed().await;
    bed.claude.on(|request| {
        let id = "msgbatch_1";
        Some(match (request.method.as_str(), request.path()) {
            ("GET", "/v1/files") => Answer::json(200, r#"{"data":[{"id":"file_1","type":"file"}],"first_id":"file_1"}"#),
            ("POST", "/v1/messages/batches") | ("GET", "/v1/messages/batches/msgbatch_1") => Answer::json(
                200,
                json!({"id":id,"results_url":format!("https://vendor.example/v1/messages/batches/{id}/results")}).to_string(),
            ),
            ("GET", "/v1/messages/batches/msgbatch_1/results") => Answer::status(200)
                .header("content-type", "application/x-jsonl")
                .body("{\"custom_id\":\"1\"}\n"),
            _ => return None,
        })
    });
    let send = async |method: &str, path: &str| -> (u16, String) {
        let method = method.parse().unwrap();
        let call = client()
            .request(method, bed.gateway.url(path))
            .header("anthropic-version", "2023-06-01")
            .header("anthropic-beta", "files-api-2025-04-14");
        let (status, _, body) = whole(call).await;
        (status, body)
    };
    let (status, files) = send("GET", "/v1/files").await;
    assert_eq!(status, 200, "{files}");
    assert_eq!(files.matches("file_tl1_").count(), 2);
    let request = last(&bed.claude);
    assert_eq!(
        request.header("anthropic-beta"),
        Some("files-api-2025-04-14")
    );
    assert_eq!(request.header("x-api-key"), Some("k"));
    let (_, batch) = send("POST", "/v1/messages/batches").await;
    let batch: Value = serde_json::from_str(&batch).unwrap();
    let (_, again) = send(
        "GET",
        &format!("/v1/messages/batches/{}", batch["id"].as_str().unwrap()),
    )
    .await;
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again, batch);
    let (status, results) = send("GET", again["results_url"].as_str().unwrap()).await;
    assert_eq!((status, results.as_str()), (200, "{\"custom_id\":\"1\"}\n"));
    assert!(bed.openai.requests().is_empty());
}

#[tokio::test]
async fn what_it_cost_is_counted_where_the_vendor_tells() {
    let bed = bed().await;
    bed.openai.always(Answer::json(
        200,
        r#"{"created":1,"data":[],"usage":{"input_tokens":40,"output_tokens":2}}"#,
    ));
    bed.post("/v1/images/generations", &json!({"model":"m","prompt":"x"}))
        .await;
    bed.openai.always(Answer::json(
        200,
        r#"{"data":[{"index":0,"embedding":[0.5]}],"usage":{"prompt_tokens":58,"total_tokens":58}}"#,
    ));
    bed.post("/v1/embeddings", &json!({"model":"m","input":"x"}))
        .await;
    let accounts = bed.gateway.gateway.pools().snapshot();
    let tokens: u64 = accounts.iter().map(|a| a.tokens_last_minute).sum();
    assert_eq!(tokens, 100);
}
