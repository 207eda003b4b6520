//! Who costs least is called, as long as it is free.

use super::*;
use crate::upstream::Price;

fn vendor(name: &'static str, price: Option<(u64, u64)>) -> Vendor {
    let vendor = Vendor::new(provider(name), "large");
    match price {
        Some((input, output)) => vendor.price(Price::new(input, output)),
        None => vendor,
    }
}

async fn accounts(pools: &Pools, calls: usize) -> Vec<String> {
    let vendors = Vendors::all(|| Act::Serve);
    for _ in 0..calls {
        call(pools, &vendors).await.unwrap();
    }
    vendors.accounts()
}

#[tokio::test(start_paused = true)]
async fn what_is_cheapest_depends_on_the_call_and_the_unknown_is_dearest() {
    // 500 tokens are answered: with few tokens of input the first is cheaper, with many the second.
    let pool = |answer| {
        Pool::new()
            .balance(Cheapest::new().answer(answer))
            .vendor(vendor("dear", Some((9_000_000, 9_000_000))).account(account("dear"), 100))
            .vendor(vendor("in", Some((4_000_000, 1_000_000))).account(account("in"), 1))
            .vendor(vendor("out", Some((1_000_000, 8_000_000))).account(account("out"), 1))
            .vendor(vendor("unknown", None).account(account("unknown"), 100))
    };
    for (tokens, answer, expected) in [(100, 500, "in"), (5_000, 500, "out"), (100, 1, "out")] {
        let pools = pools(pool(answer));
        let vendors = Vendors::all(|| Act::Serve);
        begin(&pools, &vendors, sized(tokens)).await.unwrap();
        assert_eq!(vendors.accounts(), [expected], "{tokens} {answer}");
    }
    // Each failure leads to the next cheapest, at last to whom nobody knows.
    let vendors = Vendors::all(|| Act::Fail(error(ErrorKind::Server)));
    begin(&pools(pool(500)), &vendors, sized(100))
        .await
        .unwrap_err();
    assert_eq!(vendors.accounts(), ["in", "out", "dear", "unknown"]);
}

#[tokio::test(start_paused = true)]
async fn equals_share_by_calls_in_flight_and_weight() {
    let cheap = vendor("cheap", Some((1, 1)))
        .account(account("a"), 3)
        .account(account("b"), 1);
    let dear = vendor("dear", Some((2, 2))).account(account("c"), 100);
    let pools = pools(
        Pool::new()
            .balance(Cheapest::new())
            .vendor(dear)
            .vendor(cheap),
    );
    let vendors = Vendors::all(|| Act::Serve);
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(begin(&pools, &vendors, request()).await.unwrap());
    }
    let a = vendors
        .accounts()
        .iter()
        .filter(|name| *name == "a")
        .count();
    assert_eq!((a, vendors.accounts().len()), (6, 8), "3 to 1");
}

#[tokio::test(start_paused = true)]
async fn a_template_costs_what_the_catalogue_says_of_the_model_asked_for() {
    let named = |name, catalogue: &str| {
        Vendor::new(provider(name), "*")
            .catalogue(catalogue)
            .account(account(name), 1)
    };
    let pool = || {
        Pool::new()
            .balance(Cheapest::new())
            .vendor(Vendor::same_model(provider("unknown")).account(account("unknown"), 9))
            .vendor(named("anthropic", "anthropic"))
    };
    let pools = Pools::with_seed(1).pool("x/*", pool());
    let vendors = Vendors::all(|| Act::Usage(1_000));
    for (model, price, window) in [
        ("claude-sonnet-4-5", Some(3_000_000), Some(200_000)),
        ("claude-sonnet-4-5-20991231", Some(3_000_000), Some(200_000)),
        ("claude-haiku-4-5", Some(1_000_000), Some(200_000)),
    ] {
        let mut asked = sized(10);
        asked.model = format!("x/{model}").into();
        let report = pools.explain(&asked);
        let first = report.first().unwrap();
        assert_eq!(first.context_window, window);
        assert!(first.cost_micros.is_some(), "{report:?}");
        let response = begin(&pools, &vendors, asked).await.unwrap();
        assert_eq!(response.price.map(|price| price.input), price, "{model}");
        assert_eq!(&*response.served.account, "anthropic");
    }
    // What the catalogue does not know is as dear there as anywhere.
    let mut asked = sized(10);
    asked.model = "x/nobody-knows".into();
    let response = begin(&pools, &vendors, asked).await.unwrap();
    assert_eq!(response.price, None);
    // A call that fits no window of its model goes to whom no window is known of.
    let mut large = sized(300_000);
    large.model = "x/claude-sonnet-4-5".into();
    let response = begin(&pools, &vendors, large.clone()).await.unwrap();
    assert_eq!(&*response.served.account, "unknown");
    let alone = Pool::new().vendor(named("anthropic", "anthropic"));
    let pools = Pools::with_seed(1).pool("x/*", alone);
    begin(&pools, &vendors, large).await.unwrap();
}

/// Two hundred vendors of one account each, the 120th the cheapest; every third has a price of its own, and the last none.
fn many() -> Pools {
    let mut pool = Pool::new().balance(Cheapest::new());
    for n in 0..200_u64 {
        let name: &'static str = format!("v{n}").leak();
        let price = match n {
            199 => None,
            120 => Some((10, 10)),
            121 | 122 => Some((20, 20)),
            n => Some((1_000 + n / 3, 1_000)),
        };
        pool = pool.vendor(vendor(name, price).account(account(&name.replace('v', "a")), 1));
    }
    pools(pool)
}

#[tokio::test(start_paused = true)]
async fn the_cheapest_of_many_is_found_though_not_all_are_looked_at() {
    let pools = many();
    assert_eq!(accounts(&pools, 5).await, ["a120"; 5]);
    let out = |account: u64| {
        let provider = format!("v{account}");
        let told = rate_limited(60);
        assert!(pools.report_health(&provider, &format!("a{account}"), Err(&told)));
    };
    out(120);
    let next = accounts(&pools, 40).await;
    assert!(next.iter().all(|name| name == "a121" || name == "a122"));
    assert!(next.contains(&"a121".to_owned()) && next.contains(&"a122".to_owned()));
    let explained = pools.explain(&request());
    assert!(["a121", "a122"].contains(&&*explained.first().unwrap().account));
    // Nobody is left but the one whose price is unknown.
    (0..199).filter(|n| *n != 120).for_each(out);
    assert_eq!(accounts(&pools, 2).await, ["a199"; 2]);
    tokio::time::advance(secs(61)).await;
    assert_eq!(accounts(&pools, 1).await, ["a120"]);
}
