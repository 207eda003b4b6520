//! A run in which everything goes wrong at once: four fronts, six vendors, every fault, reloads, a vendor that dies and comes back,
//! clients that leave. It is held to what must be true all the same.
//!
//! `TRUNKLINE_CHAOS_SEED` is the seed (a failure names it, and the request), `TRUNKLINE_CHAOS_REQUESTS` how many requests there are.
//! `-- --nocapture` shows the table.

mod ask;
mod audit;
mod client;
mod dice;
mod door;
mod fault;
mod guard;
mod heard;
mod judge;
mod judged;
mod log;
mod machine;
mod problems;
mod records;
mod said;
mod server;
mod table;
mod vendors;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;
use trunkline::{Calls, ErrorKind, config::Gateway};

use ask::Ask;
use client::Client;
use door::{Door, config};
use guard::Count;
use judge::{Verdict, judge};
use records::Records;
use server::{Server, World};
use vendors::VENDORS;

/// Clients at the same time.
const CLIENTS: usize = 96;

/// The vendor that dies.
const MORTAL: usize = 2;

/// So many reloads, evenly spread.
const RELOADS: usize = 7;

/// After so many calls the gateway's records are looked at: well before it lets go of any.
const LOOK: usize = Calls::KEPT / 8;

/// How much more memory may be held in the end than after the first tenth: the allocator's slack, and the books of this run.
const MARGIN_MIB: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_goes_wrong_and_every_call_ends_as_it_should() {
    let seed = variable("TRUNKLINE_CHAOS_SEED", 20_260_711) as u64;
    let requests = variable("TRUNKLINE_CHAOS_REQUESTS", 2_000);
    let before = (machine::handles(), machine::tasks());
    let world = Arc::new(World {
        seed,
        log: log::Log::new(requests),
        problems: problems::Problems::new(seed),
        answering: Count::default(),
        connections: Count::default(),
        deaths: Mutex::default(),
    });
    let began = Instant::now();
    run(&world, requests).await;

    // Nothing is left behind.
    let gone = || {
        world.connections.now() == 0
            && machine::tasks() <= before.1
            && machine::handles() <= before.0
    };
    if !within(Duration::from_secs(5), gone).await {
        let what = format!(
            "left behind: {} connections to vendors, {} tasks where {} were, {:?} handles where {:?} were",
            world.connections.now(),
            machine::tasks(),
            before.1,
            machine::handles(),
            before.0
        );
        world.problems.add(None, what);
    }
    println!("{:.1} s with all checks", began.elapsed().as_secs_f64());
    let problems = world.problems.all();
    let shown: Vec<&str> = problems.iter().take(5).map(String::as_str).collect();
    let lines = problems.iter().skip(5).take(40);
    let others: Vec<&str> = lines.filter_map(|problem| problem.lines().next()).collect();
    assert!(
        problems.is_empty(),
        "{} problems:\n{}\n{}",
        problems.len(),
        shown.join("\n"),
        others.join("\n")
    );
}

async fn run(world: &Arc<World>, requests: usize) {
    let mut servers = Vec::new();
    for kind in &VENDORS {
        servers.push(Server::start(kind, world.clone()).await);
    }
    let door = Door::open(&config(&servers, 0)).await;
    let records = Records::of(door.gateway.calls().clone());
    let next = Arc::new(AtomicUsize::new(0));
    let done = Arc::new(AtomicUsize::new(0));
    let verdicts = Arc::new(Mutex::new(vec![Verdict::Wrong; requests]));
    let left = Arc::new(Mutex::new(Vec::new()));
    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|index| {
            // Every fourth speaks HTTP/2.
            let mut client = Client::new(door.address, index % 4 == 3);
            let (world, next, done) = (world.clone(), next.clone(), done.clone());
            let (verdicts, left) = (verdicts.clone(), left.clone());
            let records = records.clone();
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= requests {
                        return;
                    }
                    let ask = Ask::new(world.seed, number);
                    let got = client.ask(&ask).await;
                    let verdict = judge(&world, &ask, &got);
                    if verdict == Verdict::Left {
                        left.lock().unwrap().push((number, Instant::now()));
                    }
                    verdicts.lock().unwrap()[number] = verdict;
                    if done.fetch_add(1, Ordering::SeqCst) % LOOK == 0 {
                        records.look();
                    }
                }
            })
        })
        .collect();

    let warm = trouble(&mut servers, &door.gateway, &done, requests).await;
    for client in clients {
        client.await.expect("a client");
    }
    let seconds = began.elapsed().as_secs_f64();
    quiet(world, &door).await;
    let in_use = machine::memory();
    let (book, gaps) = records.finish();
    if gaps > 0 {
        world
            .problems
            .add(None, format!("{gaps} looks at the records came too late"));
    }
    let verdicts = verdicts.lock().unwrap().clone();
    audit::records(world, &book, &door.entered.lock().unwrap(), &verdicts);
    let further = audit::amplification(world, requests, seconds);
    if let (Some(warm), Some(end)) = (warm, in_use)
        && end > warm + MARGIN_MIB
    {
        let what = format!("{end} MiB in use, {warm} MiB after the first tenth");
        world.problems.add(None, what);
    }

    table::print(world, &verdicts);
    let lingering = audit::lingering(world, &left.lock().unwrap());
    println!(
        "{requests} requests in {seconds:.1} s: {:.0} a second\n{} records, {} attempts, {further} of them second ones\n{}\n{}\nvendors were left within {} ms\nmemory after the first tenth and in the end: {}, {} MiB",
        requests as f64 / seconds,
        book.len(),
        world.log.total(),
        audit::statuses(&verdicts),
        audit::departed(world, &book, &verdicts),
        lingering.as_millis(),
        warm.unwrap_or_default(),
        in_use.unwrap_or_default(),
    );
    door.close().await;
    for server in &mut servers {
        server.die().await;
    }
}

/// Reloads, and the death of a vendor, as the run goes on. Tells how much memory was in use after the first tenth.
async fn trouble(
    servers: &mut [Server],
    gateway: &Gateway,
    done: &AtomicUsize,
    requests: usize,
) -> Option<usize> {
    let mut warm = None;
    let mut turn = 0;
    let mut dead = false;
    loop {
        let now = done.load(Ordering::SeqCst);
        if warm.is_none() && now >= requests / 10 {
            warm = machine::memory();
        }
        if now >= requests {
            return warm;
        }
        while turn < RELOADS && now >= (turn + 1) * requests / (RELOADS + 1) {
            turn += 1;
            gateway.reload(&config(servers, turn)).expect("a stack");
        }
        let is_to_be_dead = (requests * 2 / 5..requests * 3 / 5).contains(&now);
        if is_to_be_dead != dead {
            dead = is_to_be_dead;
            match dead {
                true => servers[MORTAL].die().await,
                false => servers[MORTAL].come_back().await,
            }
        }
        operate(gateway);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// An operator puts accounts back whose keys were refused: they would be left alone for longer than this run.
fn operate(gateway: &Gateway) {
    for account in gateway.pools().snapshot() {
        let long = |reason| {
            matches!(
                reason,
                ErrorKind::Authentication | ErrorKind::QuotaExhausted
            )
        };
        if account
            .cooldowns
            .iter()
            .any(|cooldown| long(cooldown.reason))
        {
            gateway.pools().reset(&account.provider, &account.account);
        }
    }
}

/// All that was under way ends, and every place at an account is free again.
async fn quiet(world: &World, door: &Door) {
    let in_flight = || -> u32 {
        let accounts = door.gateway.pools().snapshot();
        accounts.iter().map(|account| account.in_flight).sum()
    };
    let is_quiet = || {
        door.answering.now() == 0
            && world.answering.now() == 0
            && in_flight() == 0
            && door.gateway.pools().waiting() == 0
    };
    if !within(Duration::from_secs(5), is_quiet).await {
        let what = format!(
            "not over: {} calls at the gateway, {} at vendors, {} in flight at accounts, {} waiting",
            door.answering.now(),
            world.answering.now(),
            in_flight(),
            door.gateway.pools().waiting()
        );
        world.problems.add(None, what);
    }
}

async fn within(limit: Duration, is_so: impl Fn() -> bool) -> bool {
    let end = Instant::now() + limit;
    while !is_so() {
        if Instant::now() > end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    true
}

fn variable(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}
