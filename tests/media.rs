//! Media at addresses for vendors that take bytes only: real sockets, scripted vendors.

mod support;

use serde_json::{Value, json};
use support::{Running, post, served};
use trunkline::testing::{Answer, Script, Server, Vendor};

const CONFIG: &str = r#"
server:
  media_fetch: { enabled: "${ON}", allow_http: true, allow_hosts: [127.0.0.1], max_bytes: 1KiB, max_per_request: 3 }
retry: { max_attempts: 4, base: 1ms, max: 5ms }
providers:
  g: { kind: gemini-compatible, base_url: "${G}", accounts: [{ name: one, api_key: x }, { name: two, api_key: y }] }
  openai: { base_url: "${O}", accounts: [k] }
  a: { kind: anthropic-compatible, base_url: "${A}", accounts: [k] }
models:
  gemini: [g/gemini-2.5-flash]
  gpt: [openai/gpt-4o]
  claude: [a/claude-sonnet-4-5]
"#;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";
const PNG64: &str = "iVBORw0KGgpyZXN0";

struct Bed {
    files: Vendor,
    gemini: Vendor,
    gpt: Vendor,
    claude: Vendor,
    gateway: Running,
    servers: [Server; 4],
}

async fn bed(on: bool) -> Bed {
    let [files, gemini, gpt, claude] = std::array::from_fn(|_| Vendor::new());
    files.on(|request| {
        Some(match request.path() {
            "/paper.pdf" => Answer::status(200).body(&b"%PDF-1.7 x"[..]),
            "/page.png" => Answer::status(200).body(&b"<html>inner secret</html>"[..]),
            "/gone.png" => Answer::status(404),
            "/huge.png" => Answer::status(200).body([PNG, &[0; 2000]].concat()),
            _ => Answer::status(200).body(PNG),
        })
    });
    gemini.always(Script::new().text("Nice.").gemini("m", false));
    gpt.always(Script::new().text("Nice.").openai("m", false, true));
    claude.always(Script::new().text("Nice.").anthropic("m", false));
    let servers = [
        served(&files).await,
        served(&gemini).await,
        served(&gpt).await,
        served(&claude).await,
    ];
    let env = [
        ("ON", on.to_string()),
        ("G", servers[1].url("/v1beta")),
        ("O", servers[2].url("/v1")),
        ("A", servers[3].url("/v1")),
    ];
    Bed {
        gateway: Running::start(CONFIG, &env).await,
        files,
        gemini,
        gpt,
        claude,
        servers,
    }
}

impl Bed {
    fn file(&self, name: &str) -> String {
        self.servers[0].url(name)
    }

    async fn chat(&self, model: &str, urls: &[String]) -> (u16, String) {
        let mut content = vec![json!({"type": "text", "text": "What is it?"})];
        for url in urls {
            content.push(json!({"type": "image_url", "image_url": {"url": url}}));
        }
        let body = json!({"model": model, "messages": [
            {"role": "system", "content": "Be brief."}, {"role": "user", "content": content}]});
        let url = self.gateway.url("/v1/chat/completions");
        let (status, _, text) = post(&url, body.to_string()).await;
        (status, text)
    }
}

fn sent(vendor: &Vendor) -> Value {
    serde_json::from_str(&vendor.requests().last().unwrap().text()).unwrap()
}

#[tokio::test]
async fn bytes_take_the_place_of_addresses_once_for_all_attempts() {
    let bed = bed(true).await;
    bed.gemini.push(Answer::gemini_error(500, "INTERNAL", "oh"));
    bed.gemini
        .push(Answer::gemini_error(503, "UNAVAILABLE", "oh"));
    let (a, b) = (bed.file("/a.png"), bed.file("/b.png"));
    let (status, text) = bed.chat("gemini", &[a.clone(), b, a]).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(bed.gemini.requests().len(), 3);
    assert_eq!(
        bed.files.requests().len(),
        2,
        "each address once for all attempts"
    );
    for request in bed.gemini.requests() {
        let sent: Value = serde_json::from_str(&request.text()).unwrap();
        let parts = sent["contents"][0]["parts"].as_array().unwrap();
        let images: Vec<&Value> = parts.iter().filter_map(|p| p.get("inlineData")).collect();
        let image = json!({"mimeType": "image/png", "data": PNG64});
        assert_eq!(images, [&image, &image, &image]);
        assert!(!request.text().contains("127.0.0.1"), "{}", request.text());
    }
}

#[tokio::test]
async fn a_document_by_address_reaches_a_vendor_that_takes_files_only() {
    let bed = bed(true).await;
    let body = json!({"model": "gpt", "max_tokens": 9, "messages": [{"role": "user", "content": [
        {"type": "document", "source": {"type": "url", "url": bed.file("/paper.pdf")}},
        {"type": "image", "source": {"type": "url", "url": bed.file("/a.png")}}]}]});
    let url = bed.gateway.url("/v1/messages");
    let (status, _, text) = post(&url, body.to_string()).await;
    assert_eq!(status, 200, "{text}");
    let content = sent(&bed.gpt)["messages"][0]["content"].clone();
    assert_eq!(
        content[0]["file"]["file_data"],
        "data:application/pdf;base64,JVBERi0xLjcgeA=="
    );
    // It fetches pictures itself.
    assert_eq!(content[1]["image_url"]["url"], bed.file("/a.png"));
    assert_eq!(bed.files.requests().len(), 1);
    let (status, _) = bed.chat("claude", &[bed.file("/a.png")]).await;
    assert_eq!(status, 200);
    assert!(bed.claude.requests()[0].text().contains("/a.png"));
    assert_eq!(bed.files.requests().len(), 1);
}

#[tokio::test]
async fn what_cannot_be_fetched_is_named_and_nothing_of_the_inside_told() {
    let bed = bed(true).await;
    let port = bed.servers[0].addr().port();
    for (url, why) in [
        (bed.file("/page.png"), "not an image"),
        (bed.file("/gone.png"), "answered 404"),
        (bed.file("/huge.png"), "1024 bytes"),
        (
            format!("http://localhost:{port}/a.png"),
            "cannot be reached",
        ),
        (format!("http://[::1]:{port}/a.png"), "cannot be reached"),
        (
            "http://169.254.169.254/latest".to_owned(),
            "cannot be reached",
        ),
        ("http://10.0.0.1/a.png".to_owned(), "cannot be reached"),
        (format!("http://u:p@127.0.0.1:{port}/a.png"), "password"),
    ] {
        let (status, text) = bed
            .chat("gemini", &[bed.file("/ok.png"), url.clone()])
            .await;
        assert_eq!(status, 400, "{url} {text}");
        let error: Value = serde_json::from_str(&text).unwrap();
        let param = "messages[1].content[2].image_url.url";
        assert_eq!(error["error"]["param"], param, "{text}");
        let message = error["error"]["message"].as_str().unwrap();
        assert!(
            message.contains(param) && message.contains(why),
            "{message}"
        );
        assert!(
            !message.contains("secret") && !message.contains("127.0.0.1"),
            "{message}"
        );
    }
    let four: Vec<String> = (0..4).map(|n| bed.file(&format!("/{n}.png"))).collect();
    let (status, text) = bed.chat("gemini", &four).await;
    assert!(status == 400 && text.contains("at most 3"), "{text}");
    assert!(bed.gemini.requests().is_empty());
    let accounts = bed.gateway.gateway.pools().snapshot();
    assert!(accounts.iter().all(|account| account.cooldowns.is_empty()));
}

#[tokio::test]
async fn nothing_is_fetched_unless_it_is_switched_on() {
    let bed = bed(false).await;
    let (status, text) = bed.chat("gemini", &[bed.file("/a.png")]).await;
    assert_eq!(status, 200, "{text}");
    assert!(sent(&bed.gemini).to_string().contains("fileUri"));
    assert!(bed.files.requests().is_empty());
}
