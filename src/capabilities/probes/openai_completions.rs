//! Features of OpenAI's Completions.

use super::super::{Probe, Probes};

pub(in super::super) const PROBES: Probes = Probes {
    plain: r#"{"model": "model", "max_tokens": 20000, "prompt": "hi"}"#,
    features: &[
        Probe {
            feature: "prompt.list",
            members: r#"{"prompt": ["hi"]}"#,
        },
        Probe {
            feature: "prompt.several",
            members: r#"{"prompt": ["hi", "ho"]}"#,
        },
        Probe {
            feature: "prompt.tokens",
            members: r#"{"prompt": [1, 2]}"#,
        },
        Probe {
            feature: "suffix",
            members: r#"{"suffix": "s"}"#,
        },
        Probe {
            feature: "echo",
            members: r#"{"echo": true}"#,
        },
        Probe {
            feature: "best_of",
            members: r#"{"best_of": 2}"#,
        },
        Probe {
            feature: "temperature",
            members: r#"{"temperature": 0.5}"#,
        },
        Probe {
            feature: "top_p",
            members: r#"{"top_p": 0.5}"#,
        },
        Probe {
            feature: "frequency_penalty",
            members: r#"{"frequency_penalty": 0.5}"#,
        },
        Probe {
            feature: "presence_penalty",
            members: r#"{"presence_penalty": 0.5}"#,
        },
        Probe {
            feature: "seed",
            members: r#"{"seed": 1}"#,
        },
        Probe {
            feature: "stop",
            members: r#"{"stop": ["x"]}"#,
        },
        Probe {
            feature: "stop.many",
            members: r#"{"stop": ["a", "b", "c", "d", "e", "f"]}"#,
        },
        Probe {
            feature: "n",
            members: r#"{"n": 2}"#,
        },
        Probe {
            feature: "logprobs",
            members: r#"{"logprobs": 2}"#,
        },
        Probe {
            feature: "logit_bias",
            members: r#"{"logit_bias": {"1": 1}}"#,
        },
        Probe {
            feature: "user",
            members: r#"{"user": "u"}"#,
        },
        Probe {
            feature: "stream",
            members: r#"{"stream": true}"#,
        },
    ],
};
