//! Models called from inside a program: the same pool, retries and failover, with no HTTP server in front.
//!
//! `cargo run --example in_process` needs no network: a scripted vendor stands in for the real one.

use std::sync::Arc;

use tower::{Service, ServiceBuilder, ServiceExt};
use trunkline::{
    BoxError, FailoverLayer, ModelRequest, PoolLayer, RetryBackoffLayer, Secret, Upstream,
    chat::{ChatEvent, ChatRequest, Delta, Message},
    failover::Chains,
    pool::{Pool, Pools, Vendor},
    provider::Compatible,
    response::Reply,
    retry::RetryPolicy,
    testing,
    upstream::Account,
};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let acme = Arc::new(Compatible::openai("acme", "https://llm.acme.example/v1")?);
    let account = Arc::new(Account::new("team-a", Secret::new("sk-1")));
    let pools = Pools::new().pool(
        "large",
        Pool::new().vendor(Vendor::new(acme, "acme-large").account(account, 1)),
    );
    let mut models = ServiceBuilder::new()
        .layer(FailoverLayer::new(Chains::new()))
        .layer(RetryBackoffLayer::new(RetryPolicy::new()))
        .layer(PoolLayer::new(pools))
        .service(Upstream::new(testing::Vendor::echo()));

    // A whole answer.
    let question = ChatRequest::new("large", vec![Message::user("What is a trunk line?")]);
    let answer = models
        .ready()
        .await?
        .call(ModelRequest::chat(question.clone()))
        .await?;
    println!(
        "served by {} / {}",
        answer.served.provider, answer.served.account
    );
    println!("{}", answer.into_chat().await?.text());

    // The same, as it is written.
    let mut question = question;
    question.stream = true;
    let answer = models
        .ready()
        .await?
        .call(ModelRequest::chat(question))
        .await?;
    if let Reply::Stream(stream) = answer.reply {
        let mut events = stream.into_events();
        while let Some(event) = events.next().await {
            if let ChatEvent::Delta {
                delta: Delta::Text(text),
                ..
            } = event?
            {
                print!("{text}");
            }
        }
        println!();
    }
    Ok(())
}
