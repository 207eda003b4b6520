use super::*;
use crate::testing::{Answer, Vendor};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

fn png() -> Answer {
    Answer::json(200, PNG).header("content-type", "image/png")
}

/// A fetcher for which every name is this machine, and only `media.test` may be.
fn fetcher(options: MediaOptions) -> MediaFetcher {
    let options = options.allow_http(true).allow_hosts(["media.test"]);
    let gate = Gate::with_lookup(&options.allow_hosts, |_| {
        Box::pin(async { Ok(vec!["127.0.0.1".parse().unwrap()]) })
    });
    MediaFetcher::with_gate(options, gate).unwrap()
}

async fn image(fetcher: &MediaFetcher, url: &str) -> Result<Fetched, String> {
    let wanted = [Wanted::new(MediaKind::Image, url)];
    let found = fetcher.fetch(&wanted).await.pop().unwrap();
    found.map_err(|error| {
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        error.message().to_owned()
    })
}

#[tokio::test]
async fn what_is_resolved_here_is_what_is_connected_to() {
    let vendor = Vendor::new();
    vendor.always(png());
    let server = vendor.serve().await.unwrap();
    let port = server.addr().port();
    let fetcher = fetcher(MediaOptions::new());
    let url = format!("http://media.test:{port}/a.png?x=1#part");
    let found = image(&fetcher, &url).await.unwrap();
    assert_eq!(found.media_type, "image/png");
    assert_eq!(BASE64_STANDARD.decode(found.data).unwrap(), PNG);
    let sent = &vendor.requests()[0];
    assert_eq!(sent.path_and_query(), "/a.png?x=1");
    for name in ["authorization", "cookie", "referer"] {
        assert!(sent.header(name).is_none(), "{name}");
    }

    // The same machine by every other way.
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
        "evil.test",
        "media.test.evil.test",
        "169.254.169.254",
    ] {
        for port in [port, 8080] {
            let refusal = image(&fetcher, &format!("http://{host}:{port}/")).await;
            assert_eq!(
                refusal,
                Err("its host cannot be reached from here, or must not be".to_owned()),
                "{host}"
            );
        }
    }
    for (url, why) in [
        ("http://u:p@media.test/", "password"),
        ("http://u@media.test/", "user"),
        ("file:///etc/passwd", "https://"),
        ("ftp://media.test/", "https://"),
        ("nonsense", "not a URL"),
    ] {
        let refusal = image(&fetcher, url).await.unwrap_err();
        assert!(refusal.contains(why), "{url}: {refusal}");
    }
    assert_eq!(vendor.requests().len(), 1);
    let strict = MediaFetcher::new(MediaOptions::new()).unwrap();
    let refusal = image(&strict, "http://example.com/").await.unwrap_err();
    assert!(refusal.contains("only https"), "{refusal}");
}

#[tokio::test]
async fn redirects_are_few_and_checked_one_by_one() {
    let vendor = Vendor::new();
    let server = vendor.serve().await.unwrap();
    let base = format!("http://media.test:{}", server.addr().port());
    vendor.on(|request| {
        let (code, target) = match request.path() {
            "/ok" => (302, "/png".to_owned()),
            "/inner" => (307, "http://127.0.0.1:8080/secret".to_owned()),
            "/named" => (301, "http://inner.test:8080/secret".to_owned()),
            "/file" => (302, "file:///etc/passwd".to_owned()),
            "/round" => (302, "/round".to_owned()),
            _ => return Some(png()),
        };
        Some(Answer::json(code, "").header("location", &target))
    });
    let fetcher = fetcher(MediaOptions::new());
    assert!(image(&fetcher, &format!("{base}/ok")).await.is_ok());
    for (path, why) in [
        ("inner", "must not be"),
        ("named", "must not be"),
        ("file", "https://"),
        ("round", "more than 3 times"),
    ] {
        let refusal = image(&fetcher, &format!("{base}/{path}"))
            .await
            .unwrap_err();
        assert!(refusal.contains(why), "{path}: {refusal}");
    }
}

#[tokio::test]
async fn size_time_number_and_kind_have_limits() {
    let vendor = Vendor::new();
    let server = vendor.serve().await.unwrap();
    let base = format!("http://media.test:{}", server.addr().port());
    vendor.on(|request| {
        Some(match request.path() {
            "/html" => Answer::json(200, "<html>").header("content-type", "image/png"),
            "/gone" => Answer::json(404, "no"),
            "/zip" => png().header("content-encoding", "gzip"),
            "/slow" => png().delay(Duration::from_secs(60)),
            _ => png(),
        })
    });
    let options = MediaOptions::new()
        .max_bytes(PNG.len() * 2)
        .max_per_request(3);
    let hasty = fetcher(options.clone().timeout(Duration::from_millis(20)));
    let refusal = image(&hasty, &format!("{base}/slow")).await.unwrap_err();
    assert!(refusal.contains("0.02 seconds"), "{refusal}");
    let fetcher = fetcher(options);
    for (path, why) in [
        ("html", "not an image"),
        ("gone", "answered 404"),
        ("zip", "compressed"),
    ] {
        let refusal = image(&fetcher, &format!("{base}/{path}"))
            .await
            .unwrap_err();
        assert!(refusal.contains(why), "{path}: {refusal}");
    }
    let wanted = |n: usize| -> Vec<Wanted> {
        (0..n)
            .map(|n| Wanted::new(MediaKind::Image, format!("{base}/{n}")))
            .collect()
    };
    let three = fetcher.fetch(&wanted(3)).await;
    assert_eq!(three.iter().filter(|found| found.is_ok()).count(), 2);
    let seen = vendor.requests().len();
    let four = fetcher.fetch(&wanted(4)).await;
    assert!(four.iter().all(Result::is_err));
    assert_eq!(vendor.requests().len(), seen, "nothing is asked for");
}
