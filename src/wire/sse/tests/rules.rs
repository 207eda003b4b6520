//! One test for each rule of the format.

use std::time::Duration;

use bytes::Bytes;

use super::{cut, events, frames, one, raws, reference};
use crate::wire::{Frame, sse::SseSplitter};

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
