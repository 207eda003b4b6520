use super::*;
use crate::dialect::RateWindow;

/// A window of ten requests, and the gateway that calls.
struct Play {
    known: Option<Known>,
    begun: u64,
}

struct Sent {
    before: u64,
    at: Instant,
}

impl Play {
    const fn new() -> Self {
        Self {
            known: None,
            begun: 0,
        }
    }

    fn send(&mut self) -> Sent {
        let (before, at) = (self.begun, Instant::now());
        self.begun += 1;
        if let Some(known) = &mut self.known {
            known.begin(before, 1, at);
        }
        Sent { before, at }
    }

    /// The answer comes, with so many left and so many seconds to the reset.
    fn told(&mut self, sent: &Sent, remaining: u64, reset: u64) {
        let now = Instant::now();
        let reset = later(now, Duration::from_secs(reset));
        let report = Report {
            resource: Resource::Requests,
            window: RateWindow::new(remaining, Some(10), Some(reset)),
            requests_before: sent.before,
            before: sent.before,
            amount: 1,
            begun: self.begun,
            sent: sent.at,
            read: now,
        };
        match &mut self.known {
            Some(known) => known.told(&report, now),
            none => *none = Some(Known::new(&report, now)),
        }
    }

    /// In how many ms there is room for one more.
    fn room(&self) -> u128 {
        let now = Instant::now();
        let known = self.known.as_ref().unwrap();
        let at = known.reaches(1.0, self.begun, now);
        at.map_or(0, |at| at.saturating_duration_since(now).as_millis())
    }
}

async fn pass(ms: u64) {
    tokio::time::advance(Duration::from_millis(ms)).await;
}

#[tokio::test(start_paused = true)]
async fn time_is_counted_from_when_the_call_was_sent() {
    let mut play = Play::new();
    let sent = play.send();
    pass(5_000).await;
    // The vendor looked when the call came: its reset is 5 s nearer than the answer says, but for the way.
    play.told(&sent, 0, 30);
    assert_eq!(play.room(), 25_050);
}

#[tokio::test(start_paused = true)]
async fn of_calls_that_are_sent_together_any_may_come_first() {
    let mut play = Play::new();
    let first = play.send();
    pass(20).await;
    play.told(&first, 9, 60);
    pass(60_000).await;
    let together: Vec<_> = (0..4).map(|_| play.send()).collect();
    pass(100).await;
    // The last one came first there.
    play.told(&together[3], 9, 60);
    let left = |play: &Play| {
        let known = play.known.as_ref().unwrap();
        known.level(play.begun, Instant::now())
    };
    assert_eq!(left(&play), 6.0, "all four are counted");
    play.told(&together[0], 6, 60);
    assert_eq!(left(&play), 6.0);
}

#[tokio::test(start_paused = true)]
async fn how_it_comes_back_is_found_out() {
    let mut whole = Play::new();
    for _ in 0..2 {
        for left in (0..10).rev() {
            let sent = whole.send();
            pass(10).await;
            whole.told(&sent, left, 60);
        }
        assert!(whole.room() > 50_000);
        pass(60_100).await;
        assert_eq!(whole.room(), 0);
    }
    let known = whole.known.as_ref().unwrap();
    let now = Instant::now();
    assert_eq!(known.shape, Shape::Whole);
    assert!(known.stands_for(Resource::Requests, 10, now));
    assert!(!known.stands_for(Resource::Requests, 9, now));
    assert!(!known.stands_for(Resource::Tokens, 10, now));

    // One each six seconds, each back a minute later.
    let mut pieces = Play::new();
    for call in 0..10_u64 {
        let sent = pieces.send();
        pass(10).await;
        pieces.told(&sent, 9 - call, 60 - 6 * call);
        pass(5_990).await;
    }
    pass(100).await;
    let sent = pieces.send();
    pass(10).await;
    pieces.told(&sent, 0, 6);
    assert_eq!(pieces.known.as_ref().unwrap().shape, Shape::Pieces);
    let next = pieces.room();
    assert!((5_900..6_100).contains(&next), "{next}");
    pass(next as u64).await;
    assert_eq!(pieces.room(), 0);
    pieces.send();
    assert!(pieces.room() > 5_000, "and no more than that");
}
