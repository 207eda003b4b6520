//! What the splitter may spend: copies, scans, memory.

use bytes::{Bytes, BytesMut};

use crate::wire::sse::{DEFAULT_MAX_EVENT, FrameTooLarge, SseSplitter, write};

#[test]
fn an_event_in_one_chunk_is_not_copied() {
    let chunk = Bytes::from(b"event: a\ndata: 1\n\ndata: 2\n\n".to_vec());
    let range = chunk.as_ptr_range();
    let mut splitter = SseSplitter::new();
    splitter.push(chunk.clone());
    for _ in 0..2 {
        let frame = splitter.next_frame().unwrap().unwrap();
        assert!(range.contains(&frame.raw().as_ptr()) && range.contains(&frame.data().as_ptr()));
    }
    assert_eq!(splitter.next_frame(), Ok(None));
    assert_eq!(splitter.work.copied, 0);
}

#[test]
fn an_event_of_8_mib_arrives_whole_in_linear_work() {
    // pain P46, P48
    let payload = vec![b'x'; 8 << 20];
    let mut stream = BytesMut::new();
    write(&mut stream, Some("big"), &payload);
    let stream = stream.freeze();
    for size in [1024, 16] {
        let mut splitter = SseSplitter::new();
        let mut found = Vec::new();
        for start in (0..stream.len()).step_by(size) {
            splitter.push(stream.slice(start..stream.len().min(start + size)));
            found.extend(splitter.next_frame().unwrap());
        }
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].data(), &payload);
        assert_eq!(found[0].name(), Some("big"));
        assert!(splitter.work.scanned <= stream.len(), "{:?}", splitter.work);
        assert!(splitter.work.copied <= stream.len(), "{:?}", splitter.work);
    }
}

#[test]
fn many_short_lines_and_many_small_events_take_linear_work() {
    let lines = [b"data: x\r\n".repeat(10_000), b"\r\n".to_vec()].concat();
    let small = b"event: a\ndata: 1\n\n".repeat(5_000);
    for stream in [lines, small] {
        for size in [1, 7, 1000, stream.len()] {
            let mut splitter = SseSplitter::new();
            // All pushed before any is taken: nothing may depend on a prompt caller.
            for chunk in stream.chunks(size) {
                splitter.push(Bytes::copy_from_slice(chunk));
            }
            while splitter.next_frame().unwrap().is_some() {}
            assert!(
                splitter.work.scanned <= stream.len(),
                "chunks of {size}: {:?}",
                splitter.work
            );
            assert!(
                splitter.work.copied <= stream.len(),
                "chunks of {size}: {:?}",
                splitter.work
            );
        }
    }
}

#[test]
fn the_limit_counts_whole_events_however_they_are_cut() {
    // pain P49
    let event = b"event: a\r\ndata: 0123456789\r\n\r\n";
    let stream = [&b"data: 1\n\n"[..], event].concat();
    for size in 1..=stream.len() {
        for (limit, fits) in [
            (event.len() - 2, false),
            (event.len() - 1, true),
            (event.len(), true),
        ] {
            let mut splitter = SseSplitter::new().with_max_event(limit);
            let mut count = 0;
            let mut result = Ok(None);
            for chunk in stream.chunks(size) {
                splitter.push(Bytes::copy_from_slice(chunk));
                result = splitter.next_frame();
                while let Ok(Some(_)) = result {
                    count += 1;
                    result = splitter.next_frame();
                }
            }
            assert_eq!(result.is_ok(), fits, "limit {limit}, chunks of {size}");
            assert_eq!(
                count,
                if fits { 2 } else { 1 },
                "limit {limit}, chunks of {size}"
            );
        }
    }
}

#[test]
fn an_endless_line_fails_for_good() {
    // pain P49
    let mut splitter = SseSplitter::new().with_max_event(1000);
    splitter.push(Bytes::from_static(b"data: "));
    assert_eq!(splitter.next_frame(), Ok(None));
    splitter.push(Bytes::from(vec![b'x'; 995]));
    let error = splitter.next_frame().unwrap_err();
    assert_eq!(error, FrameTooLarge { limit: 1000 });
    assert!(
        error.to_string().contains("1000 bytes") && error.to_string().contains("with_max_event"),
        "{error}"
    );

    splitter.push(Bytes::from_static(b"\n\ndata: 1\n\n"));
    assert_eq!(
        splitter.next_frame(),
        Err(error),
        "where the next event begins is not known"
    );
    assert_eq!(splitter.finish(), None);
    assert!(
        format!("{splitter:?}").contains("pending: 0"),
        "{splitter:?}"
    );
    assert_eq!(DEFAULT_MAX_EVENT, 64 << 20);
}
