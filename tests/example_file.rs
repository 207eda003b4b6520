//! The example configuration is right, and leaves nothing out.

use trunkline::config::{BalanceKind, Config, Target};

const TEXT: &str = include_str!("../examples/gateway/gateway.example.yaml");

fn config() -> Config {
    Config::from_yaml(TEXT, &|_| None).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn it_needs_no_environment_and_takes_it_where_it_is() {
    let names: Vec<String> = config().models.into_iter().map(|m| m.name).collect();
    assert!(names.contains(&"gpt-4o".to_owned()), "{names:?}");
    let env = |name: &str| (name == "OPENAI_KEY_A").then(|| "canary-a".to_owned());
    let config = Config::from_yaml(TEXT, &env).unwrap();
    assert_eq!(config.providers[0].accounts[0].api_key.expose(), "canary-a");
    assert!(!config.plan().contains("canary"));
}

#[test]
fn what_it_says_of_the_defaults_is_so() {
    let (said, usual) = (config(), Config::default());
    assert_eq!(said.server, usual.server);
    assert_eq!(said.timeouts, usual.timeouts);
    assert_eq!(said.retry, usual.retry);
    let sonnet = said.models.iter().find(|m| m.name == "sonnet").unwrap();
    let Target::Pool(pool) = &sonnet.target else {
        panic!("a pool");
    };
    assert_eq!(pool.balance, BalanceKind::default());
}

#[test]
fn it_shows_every_setting() {
    let settings = "listen body_limit heartbeat json_heartbeat drain connect first_token first_byte idle total max_attempts base max budget min_remaining continuations prefill \
        kind base_url region api betas access_key_id secret_access_key session_token keys_from headers health interval proxy timeouts accounts name api_key weight limits enabled \
        rpm tpm concurrency adaptive min_interval rpd tpd reserve windows requests per sliding input_tokens output_tokens utc_offset tokens usd models \
        deployments balance cooldown wait queue size per_caller hedge after min_samples min_delay max_delay share give_up times least fallbacks split by provider model context_window max_output \
        price input output cache_read cache_write cache_write_long shadow timeout max_bytes usd_per_day";
    for setting in settings.split_whitespace() {
        let shown = TEXT.lines().any(|line| {
            let line = line.trim_start().trim_start_matches("- ");
            line.starts_with(&format!("{setting}:"))
        });
        assert!(shown, "{setting}");
    }
}
