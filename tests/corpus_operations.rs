//! Every recorded answer to a call for embeddings or for an order of documents is read without an error. The recordings are not part
//! of this crate: without them the test says so and passes.

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use serde_json::Value;
use trunkline::dialect::{
    embeddings::{
        CohereEmbeddings, EmbeddingDialect, GeminiEmbeddings, OpenAiEmbeddings, TitanEmbeddings,
    },
    rerank::{CohereRerank, JinaRerank, RerankDialect, VoyageRerank},
};

#[test]
fn all_recorded_vectors_and_orders_are_read() {
    let folder = env::var_os("TRUNKLINE_CORPUS").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/corpus")),
        PathBuf::from,
    );
    let Ok(vendors) = fs::read_dir(&folder) else {
        println!("no recordings here: nothing to check");
        return;
    };
    let mut read: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for vendor in vendors {
        let path = vendor.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for file in ["embeddings", "embed", "embedContent", "invoke", "rerank"] {
            let Ok(lines) = fs::read_to_string(path.join(format!("{file}.jsonl"))) else {
                continue;
            };
            for (number, line) in lines.lines().enumerate() {
                let case: Value = serde_json::from_str(line).unwrap();
                match check(&name, file, &case) {
                    Some(Ok(())) => *read.entry(format!("{name}/{file}")).or_default() += 1,
                    Some(Err(why)) => wrong.push(format!("{name}/{file}:{}: {why}", number + 1)),
                    None => {}
                }
            }
        }
    }
    println!("{read:#?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// None where it is no answer of the kind.
fn check(vendor: &str, file: &str, case: &Value) -> Option<Result<(), String>> {
    let (request, response) = (&case["request"], &case["response"]);
    let path = request["path"].as_str()?;
    let body = response["body"].as_str()?;
    let tags = case["tags"].as_array().into_iter().flatten();
    let cut = tags.into_iter().any(|tag| tag == "truncated");
    if response["status"] != 200 || cut {
        return None;
    }
    let texts = request["body"].as_str().map_or(Value::Null, |body| {
        serde_json::from_str(body).unwrap_or(Value::Null)
    });
    let (dialect, asked): (&dyn EmbeddingDialect, _) = match file {
        "rerank" => {
            let dialect: &dyn RerankDialect = match vendor {
                "cohere" => &CohereRerank,
                "voyage" => &VoyageRerank,
                _ => &JinaRerank,
            };
            let ranked = dialect.decode(body.as_bytes());
            return Some(match ranked {
                Ok(ranked) if ranked.results.is_empty() => Err("nothing is ordered".to_owned()),
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            });
        }
        "embeddings" if path.ends_with("/embeddings") && !path.starts_with("/api/") => {
            // Bytes and bits are no numbers: such answers are only ever passed.
            if texts["output_dtype"].is_string() || vendor == "perplexity" {
                return None;
            }
            (&OpenAiEmbeddings, texts["input"].as_array().map(Vec::len))
        }
        "embed" if path.ends_with("/v2/embed") && texts["texts"].is_array() => {
            (&CohereEmbeddings, texts["texts"].as_array().map(Vec::len))
        }
        "embedContent" if !path.ends_with(":predict") => (
            &GeminiEmbeddings,
            texts["requests"].as_array().map(Vec::len),
        ),
        "invoke" if path.contains("titan-embed") => (&TitanEmbeddings, None),
        _ => return None,
    };
    Some(match dialect.decode(body.as_bytes()) {
        Err(error) => Err(error.to_string()),
        Ok(answer) if answer.vectors.is_empty() => Err("no vectors".to_owned()),
        Ok(answer) if answer.vectors.iter().any(Vec::is_empty) => Err("an empty vector".to_owned()),
        Ok(answer) => match asked {
            // A list of numbers is one text as tokens.
            Some(asked) if asked != answer.vectors.len() && !texts["input"][0].is_number() => {
                Err(format!("{asked} texts, {} vectors", answer.vectors.len()))
            }
            _ => Ok(()),
        },
    })
}
