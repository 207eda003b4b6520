//! Known vendors, as a table.
//!
//! A vendor is here if it speaks a known dialect and all that sets it apart can be said as data. The rest of the crate knows
//! no vendor by name.

use super::Compatible;
use crate::dialect::{Bridge, Formats, Prefill, Quirks, ReasoningField, Retrieval, ToolIds};
use crate::error::Error;

/// A known vendor, or one of several addresses of the same vendor.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Preset {
    /// The name in configurations and in `vendor/model`: lower case, digits and hyphens.
    pub name: &'static str,
    /// The name as the vendor writes it, for people.
    pub title: &'static str,
    /// What it speaks.
    pub dialect: PresetDialect,
    /// The whole base with its version segment.
    pub base_url: &'static str,
    /// The environment variables its key is read from, the preferred one first. Empty: no key is needed.
    pub key_env: &'static [&'static str],
    /// Does its key alone, found in the environment, make it a provider?
    ///
    /// No for what needs no key, for keys that are mostly there for other reasons, and for further addresses of a vendor: each
    /// key makes one provider.
    pub from_env: bool,
    /// The vendor's deviations.
    pub quirks: Quirks,
}

/// What a known vendor speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PresetDialect {
    /// OpenAI's Chat Completions, with a bearer key.
    OpenAiChat,
    /// Anthropic's Messages, with the key in `x-api-key`.
    Anthropic,
    /// Cohere's Chat, with a bearer key.
    Cohere,
    /// Google's Gemini, with the key in `x-goog-api-key`.
    Gemini,
}

/// All known vendors, by name.
pub fn presets() -> &'static [Preset] {
    PRESETS
}

/// The known vendor of that name.
///
/// ```
/// use trunkline::provider::{Provider, preset};
///
/// let groq = preset("groq").ok_or("unknown")?.provider()?;
/// assert_eq!(Provider::base_url(&groq).host(), Some("api.groq.com"));
/// # Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub fn preset(name: &str) -> Option<&'static Preset> {
    presets().iter().find(|preset| preset.name == name)
}

impl Preset {
    /// The vendor, to be called as it is or changed further: another region, more headers.
    ///
    /// # Errors
    /// None for the presets of this crate: their base URLs are tested.
    pub fn provider(&self) -> Result<Compatible, Error> {
        let plain = match self.dialect {
            PresetDialect::OpenAiChat => Compatible::openai(self.name, self.base_url),
            PresetDialect::Anthropic => Compatible::anthropic(self.name, self.base_url),
            PresetDialect::Cohere => Compatible::cohere(self.name, self.base_url),
            PresetDialect::Gemini => Compatible::gemini(self.name, self.base_url),
        }?;
        Ok(plain.quirks(self.quirks.clone()))
    }

    const fn openai(
        name: &'static str,
        title: &'static str,
        base_url: &'static str,
        key_env: &'static [&'static str],
        quirks: Quirks,
    ) -> Self {
        Self {
            name,
            title,
            dialect: PresetDialect::OpenAiChat,
            base_url,
            key_env,
            from_env: !key_env.is_empty(),
            quirks,
        }
    }

    const fn anthropic(
        name: &'static str,
        title: &'static str,
        base_url: &'static str,
        key_env: &'static [&'static str],
    ) -> Self {
        let mut this = Self::openai(name, title, base_url, key_env, Quirks::NONE);
        this.dialect = PresetDialect::Anthropic;
        this
    }

    const fn cohere(
        name: &'static str,
        title: &'static str,
        base_url: &'static str,
        key_env: &'static [&'static str],
    ) -> Self {
        let mut this = Self::openai(name, title, base_url, key_env, Quirks::NONE);
        this.dialect = PresetDialect::Cohere;
        this
    }

    const fn gemini(
        name: &'static str,
        title: &'static str,
        base_url: &'static str,
        key_env: &'static [&'static str],
    ) -> Self {
        let mut this = Self::openai(name, title, base_url, key_env, Quirks::NONE);
        this.dialect = PresetDialect::Gemini;
        this
    }

    /// It serves `/completions` for all its models.
    const fn completes(mut self) -> Self {
        self.quirks.completions = &["*"];
        self
    }

    /// Only where a configuration names it.
    const fn by_name(mut self) -> Self {
        self.from_env = false;
        self
    }
}

// One vendor a line, sorted by name: a table, not code.
#[rustfmt::skip]
const PRESETS: &[Preset] = &[
    Preset::anthropic("anthropic", "Anthropic", "https://api.anthropic.com/v1", &["ANTHROPIC_API_KEY"]),
    Preset::openai("cerebras", "Cerebras", "https://api.cerebras.ai/v1", &["CEREBRAS_API_KEY"], CEREBRAS),
    Preset::openai("codestral", "Mistral Codestral", "https://codestral.mistral.ai/v1", &["CODESTRAL_API_KEY"], MISTRAL),
    Preset::cohere("cohere", "Cohere", "https://api.cohere.com/v2", &["CO_API_KEY", "COHERE_API_KEY"]),
    Preset::openai("cohere-openai", "Cohere, as OpenAI", "https://api.cohere.ai/compatibility/v1", &["CO_API_KEY", "COHERE_API_KEY"], COHERE).by_name(),
    Preset::openai("dashscope", "Alibaba Qwen (DashScope)", "https://dashscope.aliyuncs.com/compatible-mode/v1", DASHSCOPE_KEY, CONTENT),
    Preset::openai("dashscope-intl", "Alibaba Qwen, international", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", DASHSCOPE_KEY, CONTENT).by_name(),
    Preset::openai("dashscope-us", "Alibaba Qwen, US", "https://dashscope-us.aliyuncs.com/compatible-mode/v1", DASHSCOPE_KEY, CONTENT).by_name(),
    Preset::openai("deepseek", "DeepSeek", "https://api.deepseek.com/v1", &["DEEPSEEK_API_KEY"], DEEPSEEK),
    Preset::anthropic("deepseek-anthropic", "DeepSeek, as Anthropic", "https://api.deepseek.com/anthropic/v1", &["DEEPSEEK_API_KEY"]).by_name(),
    Preset::openai("fireworks", "Fireworks AI", "https://api.fireworks.ai/inference/v1", &["FIREWORKS_API_KEY"], CONTENT).completes(),
    Preset::openai("gemini", "Google Gemini", "https://generativelanguage.googleapis.com/v1beta/openai", &["GEMINI_API_KEY", "GOOGLE_API_KEY"], GEMINI),
    Preset::gemini("gemini-native", "Google Gemini, natively", "https://generativelanguage.googleapis.com/v1beta", &["GEMINI_API_KEY", "GOOGLE_API_KEY"]).by_name(),
    // Most machines with a GITHUB_TOKEN have it for their repositories, not for models.
    Preset::openai("github-models", "GitHub Models", "https://models.github.ai/inference", &["GITHUB_TOKEN"], Quirks::NONE).by_name(),
    Preset::openai("groq", "Groq", "https://api.groq.com/openai/v1", &["GROQ_API_KEY"], GROQ),
    Preset::openai("huggingface", "Hugging Face", "https://router.huggingface.co/v1", &["HF_TOKEN"], Quirks::NONE),
    Preset::openai("jina", "Jina AI", "https://api.jina.ai/v1", &["JINA_API_KEY"], JINA),
    Preset::openai("llamacpp", "llama.cpp server", "http://localhost:8080/v1", &[], CONTENT).completes(),
    Preset::openai("lmstudio", "LM Studio", "http://localhost:1234/v1", &[], LMSTUDIO).completes(),
    Preset::openai("minimax", "MiniMax", "https://api.minimax.io/v1", &["MINIMAX_API_KEY"], DETAILS),
    Preset::anthropic("minimax-anthropic", "MiniMax, as Anthropic", "https://api.minimax.io/anthropic/v1", &["MINIMAX_API_KEY"]).by_name(),
    Preset::openai("minimax-cn", "MiniMax, China", "https://api.minimaxi.com/v1", &["MINIMAX_API_KEY"], DETAILS).by_name(),
    Preset::openai("mistral", "Mistral AI", "https://api.mistral.ai/v1", &["MISTRAL_API_KEY"], MISTRAL),
    Preset::openai("moonshot", "Moonshot AI (Kimi)", "https://api.moonshot.ai/v1", &["MOONSHOT_API_KEY"], MOONSHOT),
    Preset::anthropic("moonshot-anthropic", "Moonshot AI, as Anthropic", "https://api.moonshot.ai/anthropic/v1", &["MOONSHOT_API_KEY"]).by_name(),
    Preset::openai("moonshot-cn", "Moonshot AI, China", "https://api.moonshot.cn/v1", &["MOONSHOT_API_KEY"], MOONSHOT).by_name(),
    Preset::openai("nvidia", "NVIDIA NIM", "https://integrate.api.nvidia.com/v1", &["NVIDIA_API_KEY", "NVIDIA_NIM_API_KEY"], Quirks::NONE),
    Preset::openai("ollama", "Ollama", "http://localhost:11434/v1", &[], OLLAMA).completes(),
    Preset::openai("ollama-cloud", "Ollama Cloud", "https://ollama.com/v1", &["OLLAMA_API_KEY"], OLLAMA),
    Preset::openai("openai", "OpenAI", "https://api.openai.com/v1", &["OPENAI_API_KEY"], OPENAI),
    Preset::openai("openrouter", "OpenRouter", "https://openrouter.ai/api/v1", &["OPENROUTER_API_KEY"], OPENROUTER),
    Preset::openai("perplexity", "Perplexity", "https://api.perplexity.ai", &["PERPLEXITY_API_KEY", "PPLX_API_KEY"], Quirks::NONE),
    Preset::openai("sambanova", "SambaNova", "https://api.sambanova.ai/v1", &["SAMBANOVA_API_KEY"], Quirks::NONE),
    Preset::openai("siliconflow", "SiliconFlow", "https://api.siliconflow.cn/v1", &["SILICONFLOW_API_KEY"], CONTENT),
    Preset::openai("siliconflow-intl", "SiliconFlow, international", "https://api.siliconflow.com/v1", &["SILICONFLOW_API_KEY"], CONTENT).by_name(),
    Preset::openai("together", "Together AI", "https://api.together.xyz/v1", &["TOGETHER_API_KEY"], REASONING).completes(),
    Preset::openai("venice", "Venice", "https://api.venice.ai/api/v1", &["VENICE_API_KEY"], Quirks::NONE),
    Preset::openai("vllm", "vLLM", "http://localhost:8000/v1", &[], REASONING).completes(),
    Preset::openai("volcengine", "Volcengine Ark (Doubao)", "https://ark.cn-beijing.volces.com/api/v3", &["ARK_API_KEY", "VOLCENGINE_API_KEY"], CONTENT),
    Preset::openai("voyage", "Voyage AI", "https://api.voyageai.com/v1", &["VOYAGE_API_KEY"], VOYAGE),
    Preset::openai("xai", "xAI", "https://api.x.ai/v1", &["XAI_API_KEY"], CONTENT),
    Preset::openai("zai", "Z.ai", "https://api.z.ai/api/paas/v4", &["ZAI_API_KEY"], GLM),
    Preset::anthropic("zai-anthropic", "Z.ai, as Anthropic", "https://api.z.ai/api/anthropic/v1", &["ZAI_API_KEY"]).by_name(),
    Preset::openai("zai-coding", "Z.ai, coding plan", "https://api.z.ai/api/coding/paas/v4", &["ZAI_API_KEY"], GLM).by_name(),
    Preset::openai("zhipu", "Zhipu AI", "https://open.bigmodel.cn/api/paas/v4", &["ZHIPUAI_API_KEY"], GLM),
    Preset::anthropic("zhipu-anthropic", "Zhipu AI, as Anthropic", "https://open.bigmodel.cn/api/anthropic/v1", &["ZHIPUAI_API_KEY"]).by_name(),
];

const DASHSCOPE_KEY: &[&str] = &["DASHSCOPE_API_KEY", "ALIBABA_API_KEY"];

// Below, a vendor drops what it would refuse, and only what steers or labels an answer. Members that say what the answer is
// about (tools, schemas) are never dropped: a refusal sends the call to somebody who can.

const OPENAI: Quirks = Quirks {
    max_completion_tokens: true,
    files: true,
    completions: &[
        "babbage-002",
        "davinci-002",
        "gpt-3.5-turbo-instruct",
        "gpt-3.5-turbo-instruct-0914",
    ],
    bridge: Some(&Bridge::OPENAI),
    ..Quirks::NONE
};

/// Any member that Mistral does not know is a 422.
const MISTRAL: Quirks = Quirks {
    drop: &[
        "logit_bias",
        "metadata",
        "safety_identifier",
        "service_tier",
        "store",
        "stream_options",
        "user",
        "verbosity",
    ],
    rename: &[
        ("max_completion_tokens", "max_tokens"),
        ("seed", "random_seed"),
    ],
    // Usage comes with the last content anyway.
    stream_options: false,
    strict: true,
    tool_ids: ToolIds::NineAlphanumeric,
    required: "any",
    prefill: Prefill::Prefix,
    ..Quirks::NONE
};

const CEREBRAS: Quirks = Quirks {
    drop: &["frequency_penalty", "logit_bias", "presence_penalty"],
    max_completion_tokens: true,
    reasoning: ReasoningField::Reasoning,
    ..Quirks::NONE
};

const GROQ: Quirks = Quirks {
    drop: &["logit_bias", "logprobs", "top_logprobs"],
    max_completion_tokens: true,
    reasoning: ReasoningField::Reasoning,
    ..Quirks::NONE
};

const COHERE: Quirks = Quirks {
    drop: &["stream_options"],
    stream_options: false,
    ..Quirks::NONE
};

/// A member that the compatible endpoint does not know is a 400: `Unknown name`.
const GEMINI: Quirks = Quirks {
    drop: &["frequency_penalty", "metadata", "prompt_cache_key", "store"],
    ..Quirks::NONE
};

const DEEPSEEK: Quirks = Quirks {
    formats: Formats::Object,
    reasoning: ReasoningField::ContentRequired,
    ..Quirks::NONE
};

/// Text models take strings only, and no model can be made to call a tool.
const MOONSHOT: Quirks = Quirks {
    content_parts: false,
    reasoning: ReasoningField::ContentRequired,
    required: "auto",
    ..Quirks::NONE
};

/// GLM can be offered tools, but not be made to call one.
const GLM: Quirks = Quirks {
    formats: Formats::Object,
    reasoning: ReasoningField::Content,
    required: "auto",
    ..Quirks::NONE
};

/// Pictures come as bytes there.
const OLLAMA: Quirks = Quirks {
    urls: Some(false),
    ..REASONING
};

const LMSTUDIO: Quirks = Quirks {
    urls: Some(false),
    formats: Formats::Schema,
    ..Quirks::NONE
};

const OPENROUTER: Quirks = Quirks {
    files: true,
    reasoning: ReasoningField::Details,
    ..Quirks::NONE
};

const JINA: Quirks = Quirks {
    retrieval: Retrieval::Jina,
    ..Quirks::NONE
};

const VOYAGE: Quirks = Quirks {
    retrieval: Retrieval::Voyage,
    ..Quirks::NONE
};

/// Nothing but `reasoning_content`.
const CONTENT: Quirks = Quirks {
    reasoning: ReasoningField::Content,
    ..Quirks::NONE
};

/// Nothing but `reasoning`.
const REASONING: Quirks = Quirks {
    reasoning: ReasoningField::Reasoning,
    ..Quirks::NONE
};

/// Nothing but `reasoning_details`.
const DETAILS: Quirks = Quirks {
    reasoning: ReasoningField::Details,
    ..Quirks::NONE
};

#[cfg(test)]
mod tests;
