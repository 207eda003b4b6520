//! The reader is held against a slow one that follows the WHATWG text step by step, on whole and on cut input.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use proptest::{collection::vec, prelude::*};

use super::{DEFAULT_MAX_EVENT, FrameTooLarge, SseSplitter, write, write_comment};
use crate::wire::Frame;

/// What a reader gets out of one frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Event {
    name: Vec<u8>,
    data: Option<Vec<u8>>,
    id: Option<Vec<u8>>,
    retry: Option<u64>,
}

impl From<&Frame> for Event {
    fn from(frame: &Frame) -> Self {
        let span =
            |span: Option<crate::wire::frame::Span>| span.map(|span| span.of(&frame.raw).to_vec());
        Self {
            name: span(frame.fields.name).unwrap_or_default(),
            data: frame.has_data().then(|| frame.data().to_vec()),
            id: span(frame.fields.id),
            retry: frame
                .retry()
                .map(|retry| retry.as_millis().try_into().unwrap()),
        }
    }
}

/// The slow reader. An event left open at the end counts if it has data.
fn reference(stream: &[u8]) -> Vec<Event> {
    let mut stream = stream;
    while let [0xEF, 0xBB, 0xBF, rest @ ..] | [b'\r' | b'\n', rest @ ..] = stream {
        stream = rest;
    }
    let mut lines = vec![Vec::new()];
    let mut bytes = stream.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\r' => {
                bytes.next_if_eq(&b'\n');
                lines.push(Vec::new());
            }
            b'\n' => lines.push(Vec::new()),
            byte => lines.last_mut().unwrap().push(byte),
        }
    }
    // What stands behind the last line ending is a line only if it is not empty.
    lines.pop_if(|line| line.is_empty());

    let mut events = Vec::new();
    let mut event = Event::default();
    for line in lines {
        if line.is_empty() {
            events.push(std::mem::take(&mut event));
            continue;
        }
        let colon = line
            .iter()
            .position(|byte| *byte == b':')
            .unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value).to_vec();
        match &line[..colon] {
            b"event" => event.name = value,
            b"id" if !value.contains(&0) => event.id = Some(value),
            b"retry" if value.iter().all(u8::is_ascii_digit) => {
                event.retry = String::from_utf8(value)
                    .unwrap()
                    .parse()
                    .ok()
                    .or(event.retry);
            }
            b"data" => match &mut event.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend(value);
                }
                data => *data = Some(value),
            },
            _ => {}
        }
    }
    if event.data.is_some() {
        events.push(event);
    }
    events.retain(|event| *event != Event::default());
    events
}

/// All frames of a stream that arrives in these chunks, as soon as each can be had.
fn frames<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Frame> {
    let mut splitter = SseSplitter::new();
    let mut frames = Vec::new();
    for chunk in chunks {
        splitter.push(Bytes::copy_from_slice(chunk));
        while let Some(frame) = splitter.next_frame().unwrap() {
            frames.push(frame);
        }
    }
    while let Some(frame) = splitter.finish() {
        frames.push(frame);
    }
    frames
}

fn events(frames: &[Frame]) -> Vec<Event> {
    frames
        .iter()
        .filter(|frame| !frame.is_comment())
        .map(Event::from)
        .collect()
}

fn raws(frames: &[Frame]) -> Vec<u8> {
    frames
        .iter()
        .flat_map(|frame| frame.raw().to_vec())
        .collect()
}

/// Cuts `stream` into pieces of the given sizes, over and over.
fn cut<'a>(mut stream: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut chunks = Vec::new();
    for size in sizes.iter().copied().cycle() {
        if stream.is_empty() {
            break;
        }
        let (chunk, rest) = stream.split_at(size.clamp(1, stream.len()));
        chunks.push(chunk);
        stream = rest;
    }
    chunks
}

fn one(stream: &str) -> Frame {
    let mut frames = frames([stream.as_bytes()]);
    assert_eq!(frames.len(), 1, "{stream:?}: {frames:?}");
    frames.remove(0)
}

#[test]
fn every_line_ending_and_every_cut_give_the_same_events() {
    // pain P39, P42, P43, P44, P46
    let template =
        ": hello\n\nevent: delta\nid: 7\ndata: {\"text\":\"漢字 🙂\"}\n\ndata:[DONE]\n\n";
    let expected = reference(template.as_bytes());
    assert_eq!(expected.len(), 2);
    let mixed = template.replacen('\n', "\r\n", 3).replacen("7\n", "7\r", 1);
    for stream in [
        template.into(),
        template.replace('\n', "\r\n"),
        template.replace('\n', "\r"),
        mixed,
    ] {
        let whole = frames([stream.as_bytes()]);
        assert_eq!(events(&whole), expected, "{stream:?}");
        assert_eq!(whole.len(), 3, "the comment is a frame too");
        assert_eq!(raws(&whole), stream.as_bytes());
        for at in 0..stream.len() {
            let (left, right) = stream.as_bytes().split_at(at);
            let halves = frames([left, right]);
            assert_eq!(events(&halves), expected, "{stream:?} cut at {at}");
            assert_eq!(halves.len(), 3, "{stream:?} cut at {at}");
        }
        assert_eq!(
            events(&frames(stream.as_bytes().chunks(1))),
            expected,
            "{stream:?} byte by byte"
        );
    }
}

#[test]
fn a_crlf_stream_keeps_its_bytes_wherever_it_is_cut() {
    let stream = b"event: a\r\ndata: 1\r\n\r\n: note\r\n\r\ndata: 2\r\n\r\n";
    for size in 1..stream.len() {
        assert_eq!(
            raws(&frames(stream.chunks(size))),
            stream,
            "in chunks of {size}"
        );
    }
}

#[test]
fn a_frame_comes_out_with_the_byte_that_closes_it() {
    for (stream, eol) in [
        ("data: 1\n\n", "LF"),
        ("data: 1\r\r", "CR"),
        ("data: 1\r\n\r", "half a CRLF"),
    ] {
        for size in [1, 3, stream.len()] {
            let mut splitter = SseSplitter::new();
            let chunks = cut(stream.as_bytes(), &[size]);
            let (last, before) = chunks.split_last().unwrap();
            for chunk in before {
                splitter.push(Bytes::copy_from_slice(chunk));
                assert_eq!(splitter.next_frame(), Ok(None), "{eol}, {size}");
            }
            splitter.push(Bytes::copy_from_slice(last));
            assert_eq!(
                splitter.next_frame().unwrap().unwrap().data(),
                "1",
                "{eol}, {size}"
            );

            splitter.push(Bytes::from_static(b"\n"));
            assert_eq!(
                splitter.next_frame(),
                Ok(None),
                "a late newline is no event: {eol}"
            );
            splitter.push(Bytes::from_static(b"data: 2\n\n"));
            let next = splitter.next_frame().unwrap().unwrap();
            assert_eq!(next.raw(), "data: 2\n\n", "{eol}");
        }
    }
}

#[test]
fn at_most_one_space_is_stripped() {
    // pain P39, P45
    for (stream, data) in [
        ("data:{}\n\n", "{}"),
        ("data: {}\n\n", "{}"),
        ("data:  {} \n\n", " {} "),
        ("data:\t{}\n\n", "\t{}"),
        ("data: a: b\n\n", "a: b"),
    ] {
        assert_eq!(one(stream).data(), data, "{stream:?}");
    }
}

#[test]
fn several_data_lines_are_one_payload() {
    // pain P47
    assert_eq!(
        one("data: {\ndata:\"a\": 1\nevent: x\ndata: }\n\n").data(),
        "{\n\"a\": 1\n}"
    );
    assert_eq!(one("data\ndata\n\n").data(), "\n");
    assert_eq!(one("data: a\r\ndata: b\r\n\r\n").data(), "a\nb");
    assert_eq!(one("data: a\ndata:\n\n").data(), "a\n");
}

#[test]
fn an_empty_payload_is_a_payload() {
    for stream in ["data\n\n", "data:\n\n", "data: \n\n"] {
        let frame = one(stream);
        assert!(
            frame.has_data() && frame.data().is_empty() && !frame.is_comment(),
            "{stream:?}"
        );
    }
    let frame = one("event: done\n\n");
    assert!(!frame.has_data() && !frame.is_comment());
    assert_eq!(frame.name(), Some("done"));
}

#[test]
fn fields_are_told_apart() {
    let frame = one(
        "event: a\nid: 1\nretry: 1500\ndatax: no\ndat: no\n data: no\nData: no\nfoo\nevent: b\ndata: yes\n\n",
    );
    assert_eq!(frame.name(), Some("b"), "the last one counts");
    assert_eq!(frame.id(), Some("1"));
    assert_eq!(frame.retry(), Some(Duration::from_millis(1500)));
    assert_eq!(frame.data(), "yes");

    let frame =
        one("event: a\nevent:\nid\nretry: 5s\nretry: 99999999999999999999\nretry:\ndata: x\n\n");
    assert_eq!(frame.name(), None, "an empty name is none");
    assert_eq!(frame.id(), Some(""), "an empty id forgets the last one");
    assert_eq!(frame.retry(), None);

    let frame = one("id: 1\nid: a\0b\ndata: x\n\n");
    assert_eq!(frame.id(), Some("1"), "an id with a NUL is ignored");
}

#[test]
fn what_is_not_utf8_stays_as_it_is() {
    // pain P42
    let frames = frames([&b"event: \xFF\ndata: \xE6\xBC\n\n"[..]]);
    assert_eq!(frames[0].data(), &b"\xE6\xBC"[..]);
    assert_eq!(frames[0].name(), None);
}

#[test]
fn comments_are_frames_of_their_own_or_part_of_the_next() {
    // pain P50, P51
    let all = frames([&b": ping\n\n: a\n: b\n\nfoo: bar\n\n:\ndata: 1\n: inside\n\n"[..]]);
    let comments: Vec<_> = all.iter().map(Frame::is_comment).collect();
    assert_eq!(comments, [true, true, true, false]);
    assert_eq!(all[0].raw(), ": ping\n\n");
    assert_eq!(all[3].raw(), ":\ndata: 1\n: inside\n\n");
    assert_eq!(all[3].data(), "1");
}

#[test]
fn surplus_blank_lines_are_dropped() {
    let all = frames([&b"\n\r\n\rdata: 1\n\n\n\n\r\ndata: 2\n\n\n"[..]]);
    assert_eq!(raws(&all), b"data: 1\n\ndata: 2\n\n");
    assert_eq!(all.len(), 2);
}

#[test]
fn a_byte_order_mark_is_skipped_once() {
    let stream = b"\xEF\xBB\xBFdata: 1\n\n\xEF\xBB\xBFdata: 2\n\n";
    for size in 1..=stream.len() {
        let all = frames(stream.chunks(size));
        assert_eq!(raws(&all), &stream[3..], "in chunks of {size}");
        assert_eq!(
            events(&all).len(),
            1,
            "the second one makes an unknown field"
        );
    }
    let twice = "\n\u{feff}\r\n\u{feff}data: 1\n\n";
    for size in 1..=twice.len() {
        assert_eq!(raws(&frames(twice.as_bytes().chunks(size))), b"data: 1\n\n");
    }
    // It only began like one.
    for stream in [&b"\xEF\xBBdata: 1\n\n"[..], b"\xEF\ndata: 1\n\n"] {
        for size in 1..=stream.len() {
            assert_eq!(
                raws(&frames(stream.chunks(size))),
                stream,
                "in chunks of {size}"
            );
        }
    }
}

#[test]
fn the_end_of_the_body_delivers_what_has_data() {
    for (stream, data, raw) in [
        ("data: [DONE]", "[DONE]", "data: [DONE]\n\n"),
        ("data: [DONE]\n", "[DONE]", "data: [DONE]\n\n"),
        ("data: [DONE]\r", "[DONE]", "data: [DONE]\r\n\n"),
        ("data: [DONE]\r\n", "[DONE]", "data: [DONE]\r\n\n"),
        ("data: a\ndata: b", "a\nb", "data: a\ndata: b\n\n"),
        ("event: x\ndata", "", "event: x\ndata\n\n"),
    ] {
        for size in 1..=stream.len() {
            let all = frames(cut(stream.as_bytes(), &[size]));
            assert_eq!(all.len(), 1, "{stream:?} in chunks of {size}");
            assert_eq!(all[0].data(), data, "{stream:?}");
            assert_eq!(all[0].raw(), raw, "{stream:?}");
        }
    }
    for stream in [
        "",
        "\n",
        "\r",
        ": ping",
        ": ping\n",
        "event: message_st",
        "event: x\nda",
        "id: 1\n",
        "\u{feff}",
    ] {
        assert_eq!(frames([stream.as_bytes()]), [], "{stream:?}");
    }
}

#[test]
fn finish_hands_out_what_was_not_taken() {
    let mut splitter = SseSplitter::new();
    for chunk in ["data: 1\n\ndata: 2\n", "\nda", "ta: 3"] {
        splitter.push(Bytes::from(chunk));
    }
    for data in ["1", "2", "3"] {
        assert_eq!(splitter.finish().unwrap().data(), data);
    }
    assert_eq!(splitter.finish(), None);
}

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

#[test]
fn the_writer_spells_events_and_comments() {
    // pain P51
    let mut out = BytesMut::new();
    write(&mut out, Some("delta"), b"{}");
    write(&mut out, None, b"a\nb\r\nc\rd\n");
    write(&mut out, Some("x\r\ndata: y"), b"");
    write_comment(&mut out, "ping");
    write_comment(&mut out, "a\nb");
    assert_eq!(
        out,
        "event: delta\ndata: {}\n\n\
         data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n\
         event: xdata: y\ndata: \n\n\
         : ping\n\
         : a\n: b\n"
    );
}

#[test]
fn a_frame_of_our_own_is_what_its_reader_finds() {
    let frame = Frame::new(Some("delta"), "{}");
    assert_eq!(frame, one("event: delta\ndata: {}\n\n"));
    assert_eq!(frame.name(), Some("delta"));
    assert_eq!(Frame::new(None, "a\r\nb").data(), "a\nb");
    assert_eq!(Frame::new(Some(""), "").into_raw(), "data: \n\n");
    assert!(Frame::new(None, "").has_data());
    assert!(Frame::default().is_comment());
}

/// Streams made of the pieces that matter.
fn streams() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            &b"\n"[..], b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b"\r\r", b"data", b"data:", b"data: ", b"event: a", b"event:", b"event",
            b"id: 1", b"id", b"id: \0", b"retry: 10", b"retry: x", b": ping", b":", b" ", b"x", b"\xEF\xBB\xBF", b"\xEF",
            b"data: {\"a\":1}\n\n", b"data: {\"a\":1}\r\n\r\n", "漢🙂".as_bytes(),
        ]).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 0..6),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_cut_gives_what_the_slow_reader_finds(stream in streams(), sizes in vec(1..9_usize, 1..8)) {
        let expected = reference(&stream);
        prop_assert_eq!(&events(&frames([&stream[..]])), &expected);

        let cut_up = frames(cut(&stream, &sizes));
        prop_assert_eq!(&events(&cut_up), &expected);

        // The raw bytes are a stream of the same events, under any reader and under ours.
        let again = raws(&cut_up);
        prop_assert_eq!(&reference(&again), &expected);
        prop_assert_eq!(&events(&frames([&again[..]])), &expected);
        for frame in &cut_up {
            prop_assert_eq!(&super::parse(frame.raw().clone()), frame);
        }
    }

    #[test]
    fn what_is_written_is_read(
        written in vec((prop::option::of("[a-z._ :é]{1,12}"), vec(any::<u8>(), 0..40)), 0..8),
        size in 1..50_usize,
    ) {
        let mut stream = BytesMut::new();
        for (name, data) in &written {
            write_comment(&mut stream, "ping");
            write(&mut stream, name.as_deref(), data);
        }
        let read = frames(stream.chunks(size));
        prop_assert_eq!(read.len(), written.len());
        for (frame, (name, data)) in read.iter().zip(&written) {
            prop_assert_eq!(frame.name(), name.as_deref());
            let ours = Frame::new(None, data.clone());
            prop_assert_eq!(frame.data(), ours.data());
            if !data.contains(&b'\r') {
                prop_assert_eq!(frame.data(), data);
            }
        }
    }
}
