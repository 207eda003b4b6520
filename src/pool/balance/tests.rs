use super::*;

fn candidate(vendor: usize, place: usize, vendor_weight: u32, weight: u32) -> Candidate<'static> {
    Candidate {
        provider: "p",
        account: "a",
        model: "m",
        vendor,
        place,
        vendor_weight,
        weight,
        in_flight: 0,
        context_window: None,
        requests_last_minute: 0,
        tokens_last_minute: 0,
        price: None,
        input_tokens: 0,
        past: Past::default(),
    }
}

fn picks(balance: &dyn Balance, candidates: &[Candidate<'_>], times: usize) -> Vec<usize> {
    let rng = Rng::seeded(7);
    (0..times).map(|_| balance.pick(candidates, &rng)).collect()
}

fn count(picks: &[usize], index: usize) -> usize {
    picks.iter().filter(|pick| **pick == index).count()
}

#[test]
fn weighted_is_exact_and_smooth() {
    let two_to_one = [candidate(0, 0, 2, 1), candidate(1, 0, 1, 1)];
    let picks = picks(&Weighted::new(), &two_to_one, 3_000);
    assert_eq!(count(&picks, 0), 2_000);
    for window in picks.windows(3) {
        assert!(
            count(window, 0) <= 2 && count(window, 1) <= 2,
            "a burst: {window:?}"
        );
    }
}

#[test]
fn weighted_splits_vendors_first_then_their_accounts() {
    let candidates = [
        candidate(0, 0, 3, 2),
        candidate(0, 1, 3, 1),
        candidate(1, 0, 1, 100),
    ];
    let picks = picks(&Weighted::new(), &candidates, 1_200);
    let counts = [0, 1, 2].map(|index| count(&picks, index));
    assert_eq!(
        counts,
        [600, 300, 300],
        "3:1 between vendors, 2:1 inside the first"
    );
}

#[test]
fn one_that_comes_back_does_not_catch_up_in_a_burst() {
    let balance = Weighted::new();
    let both = [candidate(0, 0, 1, 1), candidate(1, 0, 1, 1)];
    picks(&balance, &both, 10);
    picks(&balance, &both[..1], 100);
    let after = picks(&balance, &both, 10);
    assert_eq!(count(&after, 0), 5);
}

#[test]
fn round_robin_takes_turns_even_while_candidates_come_and_go() {
    let all = [0, 1, 2].map(|place| candidate(0, place, 1, 9));
    let balance = RoundRobin::new();
    let rng = Rng::seeded(1);
    let mut turns = [0; 3];
    for call in 0..300 {
        // Every third call, the first account was tried already.
        let shown = if call % 3 == 0 { &all[1..] } else { &all[..] };
        let picked = shown[balance.pick(shown, &rng)];
        turns[picked.place] += 1;
    }
    assert_eq!(turns, [100, 100, 100]);
}

#[test]
fn least_busy_counts_calls_per_weight() {
    let mut candidates = [candidate(0, 0, 4, 1), candidate(1, 0, 1, 1)];
    candidates[0].in_flight = 2;
    assert_eq!(
        picks(&LeastBusy::new(), &candidates, 3),
        [0, 0, 0],
        "3/4 < 1/1"
    );
    candidates[0].in_flight = 4;
    assert_eq!(
        picks(&LeastBusy::new(), &candidates, 3),
        [1, 1, 1],
        "5/4 > 1/1"
    );
}

#[test]
fn ties_are_broken_at_random_and_by_the_seed() {
    // Pain P98: the first of equals took everything.
    let equals = [0, 1, 2].map(|place| candidate(0, place, 1, 1));
    let picked = picks(&LeastBusy::new(), &equals, 3_000);
    for index in 0..3 {
        let share = count(&picked, index);
        assert!((900..1_100).contains(&share), "{index}: {share}");
    }
    assert_eq!(picked, picks(&LeastBusy::new(), &equals, 3_000));
}
