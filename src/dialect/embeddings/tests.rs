use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::{
    ErrorKind,
    dialect::embeddings::openai::Encoding,
    operation::EmbeddingForm::{self, Gemini, GeminiBatch, OpenAi},
};

fn decode(form: EmbeddingForm, body: &Value) -> Result<EmbeddingRequest, Error> {
    front(form).decode(body.to_string().as_bytes(), &mut Fidelity::new())
}

fn written(
    dialect: &dyn EmbeddingDialect,
    request: &EmbeddingRequest,
) -> Result<(Value, usize), Error> {
    let mut report = Fidelity::new();
    let body = dialect.encode(request, "up", &mut report)?;
    assert_eq!(
        body,
        dialect.encode(request, "up", &mut Fidelity::new()).unwrap()
    );
    Ok((serde_json::from_slice(&body).unwrap(), report.notes().len()))
}

#[test]
fn a_request_is_said_to_every_vendor() {
    let asked = decode(
        OpenAi,
        &json!({"model":"m","input":["a","b"],"dimensions":2,"input_type":"search_query","user":"u","encoding_format":"base64"}),
    )
    .unwrap();
    for (dialect, want, lost) in [
        (
            &OpenAiEmbeddings as &dyn EmbeddingDialect,
            json!({"model":"up","input":["a","b"],"dimensions":2,"encoding_format":"float","user":"u"}),
            1,
        ),
        (
            &GeminiEmbeddings,
            json!({"requests":[
                {"model":"models/up","content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY","outputDimensionality":2},
                {"model":"models/up","content":{"parts":[{"text":"b"}]},"taskType":"RETRIEVAL_QUERY","outputDimensionality":2}
            ]}),
            1,
        ),
        (
            &CohereEmbeddings,
            json!({"model":"up","input_type":"search_query","texts":["a","b"],"embedding_types":["float"],"output_dimension":2}),
            1,
        ),
    ] {
        assert_eq!(
            written(dialect, &asked).unwrap(),
            (want, lost),
            "{dialect:?}"
        );
    }
    let error = written(&TitanEmbeddings, &asked).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let one = asked.with_inputs(&asked.inputs[..1]);
    let titan = written(&TitanEmbeddings, &one).unwrap();
    assert_eq!(titan, (json!({"inputText":"a","dimensions":2}), 2));
    assert_eq!(
        TitanEmbeddings.path("amazon.titan-embed-text-v2:0"),
        "/model/amazon.titan-embed-text-v2%3A0/invoke"
    );
    assert_eq!(
        GeminiEmbeddings.path("models/g"),
        "/models/g:batchEmbedContents"
    );
}

#[test]
fn answers_are_read_as_vendors_write_them() {
    let want = EmbeddingResponse::new(vec![vec![0.5, -1.0], vec![0.25, 2.0]], Some(7));
    let base64 = |v: &[f32]| vector::to_base64(v);
    for (dialect, body) in [
        (
            &OpenAiEmbeddings as &dyn EmbeddingDialect,
            json!({"data":[{"index":1,"embedding":[0.25,2]},{"index":0,"embedding":[0.5,-1]}],"usage":{"prompt_tokens":7,"total_tokens":7}}),
        ),
        (
            &OpenAiEmbeddings,
            json!({"data":[{"index":0,"embedding":base64(&[0.5,-1.0])},{"index":1,"embedding":base64(&[0.25,2.0])}],"usage":{"total_tokens":7}}),
        ),
        (
            &GeminiEmbeddings,
            json!({"embeddings":[{"values":[0.5,-1]},{"values":[0.25,2]}],"usageMetadata":{"promptTokenCount":7}}),
        ),
        (
            &CohereEmbeddings,
            json!({"id":"x","embeddings":{"float":[[0.5,-1],[0.25,2]]},"meta":{"billed_units":{"input_tokens":7}}}),
        ),
    ] {
        assert_eq!(
            dialect.decode(body.to_string().as_bytes()).unwrap(),
            want,
            "{dialect:?}"
        );
        assert!(dialect.decode(b"{}").is_err() || dialect.name() == "gemini");
    }
    let titan = |v: Value, n: u64| {
        let body = json!({"embedding":v,"inputTextTokenCount":n});
        TitanEmbeddings.decode(body.to_string().as_bytes()).unwrap()
    };
    let parts = [titan(json!([0.5, -1]), 3), titan(json!([0.25, 2]), 4)];
    assert_eq!(EmbeddingResponse::joined(parts), want);
}

#[test]
fn an_answer_is_written_as_it_was_asked_for() {
    let answer = EmbeddingResponse::new(vec![vec![0.5, -1.0]], Some(3));
    let write = |form, asked: &str| -> Value {
        serde_json::from_slice(&front(form).encode(&answer, asked.as_bytes(), "m")).unwrap()
    };
    assert_eq!(
        write(OpenAi, r#"{"encoding_format":"base64"}"#)["data"][0]["embedding"],
        "AAAAPwAAgL8="
    );
    assert_eq!(
        write(OpenAi, "{}"),
        json!({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1.0]}],"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}})
    );
    assert_eq!(
        write(Gemini, "{}")["embedding"],
        json!({"values":[0.5,-1.0]})
    );
    assert_eq!(
        write(GeminiBatch, "{}")["embeddings"],
        json!([{"values":[0.5,-1.0]}])
    );
}

#[test]
fn the_encoding_is_the_one_that_was_asked_for() {
    let floats = Bytes::from_static(
        br#"{ "data":[{"embedding":[0.5,-1.0],"index":0}],"x":1.0,"usage":{"prompt_tokens":2}}"#,
    );
    let (base64, tokens) = in_encoding(floats.clone(), Some(Encoding::Base64)).unwrap();
    assert_eq!(
        base64,
        r#"{ "data":[{"embedding":"AAAAPwAAgL8=","index":0}],"x":1.0,"usage":{"prompt_tokens":2}}"#
    );
    assert_eq!(tokens, Some(2));
    assert_eq!(
        in_encoding(base64.clone(), Some(Encoding::Float))
            .unwrap()
            .0,
        floats
    );
    for (body, asked) in [(&floats, Encoding::Float), (&base64, Encoding::Base64)] {
        let (same, _) = in_encoding(body.clone(), Some(asked)).unwrap();
        assert_eq!(same.as_ptr(), body.as_ptr());
    }
    assert!(in_encoding(Bytes::from_static(b"{}"), None).is_err());
    // Bytes as base64, lists of lists: nobody here knows better than the vendor.
    let odd = Bytes::from_static(
        br#"{"data":[{"embedding":"+wX8AwH/AgX7BPn+"},{"embedding":[[0.5],[1.0]]}]}"#,
    );
    for asked in [None, Some(Encoding::Float), Some(Encoding::Base64)] {
        assert_eq!(in_encoding(odd.clone(), asked).unwrap().0, odd);
    }
    assert_eq!(
        openai::encoding_asked(br#"{"encoding_format":"base64_int8"}"#),
        None
    );
}

#[test]
fn googles_callers_are_read_too() {
    let batch = json!({"requests":[
        {"model":"models/m","content":{"parts":[{"text":"a"},{"text":"b"}]},"taskType":"RETRIEVAL_DOCUMENT","outputDimensionality":3},
        {"model":"models/m","content":{"parts":[{"text":"c"}]},"taskType":"RETRIEVAL_DOCUMENT","outputDimensionality":3}
    ]});
    let asked = decode(GeminiBatch, &batch).unwrap();
    assert_eq!(asked.inputs, EmbeddingRequest::texts(["ab", "c"]).inputs);
    assert_eq!(
        (asked.task, asked.dimensions),
        (Some(EmbeddingTask::Document), Some(3))
    );
    let renamed = front(GeminiBatch).renamed(&batch.to_string().into(), "up");
    let renamed: Value = serde_json::from_slice(&renamed).unwrap();
    assert_eq!(renamed["requests"][1]["model"], "models/up");
    assert_eq!(front(Gemini).path("up"), "/models/up:embedContent");
}

#[test]
fn what_is_wrong_is_named() {
    for (form, body, param) in [
        (OpenAi, json!({"model":"m"}), "input"),
        (OpenAi, json!({"input":[]}), "input"),
        (OpenAi, json!({"input":7}), "input"),
        (OpenAi, json!({"input":["a",{}]}), "input[1]"),
        (
            OpenAi,
            json!({"input":"a","input_type":"poem"}),
            "input_type",
        ),
        (Gemini, json!({}), "content"),
        (
            Gemini,
            json!({"content":{"parts":[{"inlineData":{}}]}}),
            "content",
        ),
        (GeminiBatch, json!({"requests":[]}), "requests"),
    ] {
        let error = decode(form, &body).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{body}");
        assert_eq!(error.param(), Some(param), "{body}");
    }
    let tokens = decode(OpenAi, &json!({"input":[[1,2],[3]]})).unwrap();
    let error = written(&CohereEmbeddings, &tokens).unwrap_err();
    assert_eq!(error.param(), Some("input[0]"));
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let (body, _) = written(&OpenAiEmbeddings, &tokens).unwrap();
    assert_eq!(body["input"], json!([[1, 2], [3]]));
}
