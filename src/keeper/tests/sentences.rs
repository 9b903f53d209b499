//! Growing bans, jails that hear bans, and jails that do not enforce.

use proptest::prelude::*;

use super::*;
use crate::keeper::priors::{MAX_PRIORS, ROOM};
use crate::keeper::{Formula, Givens, Growth, Law, Prior};

const OTHER: JailId = JailId(2);
const STOCK: [&str; 2] = [
    "ban.Time * (1<<(ban.Count if ban.Count<20 else 20)) * banFactor",
    "ban.Time * math.exp(float(ban.Count+1)*banFactor)/math.exp(1*banFactor)",
];

fn growing(growth: Growth) -> Policy {
    Policy { growth: Some(growth), ..policy(1, 600, 60) }
}

fn in_jail(jail: JailId, event: Event) -> Event {
    match event {
        Event::Attempt(attempt) => Event::Attempt(Attempt { jail, ..attempt }),
        other => other,
    }
}

/// Has 192.0.2.1 fail at these times; how long each ban is, and the how manieth.
fn bans(keeper: &mut Keeper, times: &[i64]) -> Vec<(i64, u32)> {
    let mut kernel = Kernel::default();
    let mut found = Vec::new();
    for (sequence, time) in (1..).zip(times) {
        let event = attempt("192.0.2.1", *time, sequence);
        let (notices, _) = step(keeper, &mut kernel, at(*time), vec![event]);
        found.extend(notices.iter().filter_map(|notice| match notice {
            Notice::Banned(Banned { until, nth, news: News::New, .. })
            | Notice::WouldBan { until, nth, .. } => Some((until.unix_seconds() - time, *nth)),
            _ => None,
        }));
    }
    found
}

fn value(formula: &str, time: f64, count: f64) -> f64 {
    let formula = Formula::parse(formula).unwrap_or_else(|error| panic!("{formula}: {error:?}"));
    formula.value(Givens { time, count, factor: 1.0 })
}

fn close(one: f64, other: f64) -> bool {
    (one - other).abs() <= other.abs() * 1e-12
}

#[test]
fn the_stock_formulas_come_to_what_fail2ban_reckons() {
    // Taken from fail2ban 1.0.2 itself, for a bantime of 600 seconds.
    let counts = [1.0, 2.0, 3.0, 5.0, 25.0];
    let reckoned = [
        [1200.0, 2400.0, 4800.0, 19200.0, 629_145_600.0],
        [
            1_630.969_097_075_427_3,
            4_433.433_659_358_39,
            12_051.322_153_912_6,
            89_047.895_461_545_97,
            43_202_939_602_431.53,
        ],
    ];
    for (formula, reckoned) in STOCK.iter().zip(reckoned) {
        for (count, wanted) in counts.iter().zip(reckoned) {
            let found = value(formula, 600.0, *count);
            assert!(close(found, wanted), "{formula}: {found} and not {wanted}");
        }
    }
}

#[test]
fn the_arithmetic_is_pythons() {
    let cases = [
        ("2 ** 3 ** 2", 512.0),
        ("-2 ** 2", -4.0),
        ("2 ** -1", 0.5),
        ("7 // 2 + 7 % 3", 4.0),
        ("-7 // 2", -4.0),
        ("-7 % 3", 2.0),
        ("1 + 2 << 3", 24.0),
        ("9 >> 1", 4.0),
        ("1 if 2 < 1 else 3 if not 0 else 4", 3.0),
        ("2 and 3 or 4", 3.0),
        ("0 or 5", 5.0),
        ("min(3, 1, 2) + max(3, 4) * pow(2, 3)", 33.0),
        ("math.sqrt(16) + int(2.9) + abs(-1) + round(2.5)", 9.0),
        ("1e2 + .5 + 1.", 101.5),
        ("time * count + factor", 121.0),
        ("math.log(8, 2)", 3.0),
        ("(1 <= 1) + (1 != 1) + True", 2.0),
    ];
    for (formula, wanted) in cases {
        let found = value(formula, 60.0, 2.0);
        assert!(close(found, wanted), "{formula}: {found} and not {wanted}");
    }
}

#[test]
fn what_is_no_formula_is_told_with_its_place() {
    let cases = [
        ("", 0..0, "a number, a name or a ( is to stand here"),
        ("ban.Time *", 10..10, "a number, a name or a ( is to stand here"),
        ("__import__('os')", 0..10, "this name is unknown"),
        ("ban.Time.real", 0..13, "this name is unknown"),
        ("min(1)", 0..6, "this function takes another number of values"),
        ("exp 1", 4..5, "the function's values are to stand here, in parentheses"),
        ("(1 + 2", 6..6, "a ) is to stand here"),
        ("1 2", 2..3, "it should be over here, or an operator stand here"),
        ("1 if 2", 6..6, "an \"else\" is to stand here"),
        ("lambda: 1", 0..6, "this name is unknown"),
    ];
    for (formula, range, why) in cases {
        let error = Formula::parse(formula).expect_err(formula);
        assert_eq!((error.range, error.why), (range, why), "{formula}");
    }
    assert_eq!(Formula::parse(&"(".repeat(500)).expect_err("deep").why, "it is too deep");
    assert_eq!(Formula::parse(&"1".repeat(2000)).expect_err("long").why, "it is too long");
}

#[test]
fn each_ban_is_longer_than_the_one_before() {
    let mut keeper = keeper(growing(Growth::default()));
    assert_eq!(bans(&mut keeper, &[0, 100, 300, 600]), [(60, 1), (120, 2), (240, 3), (480, 4)]);
}

#[test]
fn the_last_multiplier_stays_and_nothing_is_longer_than_maxtime() {
    let law = Law::Multipliers(vec![1.0, 5.0, 30.0]);
    let mut unbound = keeper(growing(Growth { law: law.clone(), ..Growth::default() }));
    let times = [0, 10_000, 20_000, 30_000];
    assert_eq!(bans(&mut unbound, &times), [(60, 1), (300, 2), (1800, 3), (1800, 4)]);
    let maxtime = Some(Duration::from_secs(400));
    let mut bound = keeper(growing(Growth { law, maxtime, ..Growth::default() }));
    assert_eq!(bans(&mut bound, &times), [(60, 1), (300, 2), (400, 3), (400, 4)]);
}

#[test]
fn what_is_no_number_is_the_longest_ban_and_no_ban_is_shorter_than_the_first() {
    let sentence = |formula: &str, maxtime: u64| {
        let law = Law::Formula(Formula::parse(formula).expect("a formula"));
        let maxtime = Some(Duration::from_secs(maxtime));
        let growth = Growth { law, maxtime, ..Growth::default() };
        growth.sentence(Sentence::For(Duration::from_mins(1)), 1, 0.5)
    };
    let seconds = |seconds| Sentence::For(Duration::from_secs(seconds));
    for formula in ["1/0", "0/0", "1e300 ** 9", "1 << 100000", "math.log(-1)"] {
        assert_eq!(sentence(formula, 1000), seconds(1000), "{formula}");
    }
    for formula in ["0", "-5", "time / 2"] {
        assert_eq!(sentence(formula, 1000), seconds(60), "{formula}");
    }
    assert_eq!(sentence("time * 2", 10), seconds(60), "a maxtime below bantime");
}

#[test]
fn a_ban_for_ever_and_a_time_that_somebody_says_do_not_grow() {
    let forever = Growth::default().sentence(Sentence::Forever, 7, 0.0);
    assert_eq!(forever, Sentence::Forever);
    let mut keeper = keeper(growing(Growth::default()));
    assert_eq!(bans(&mut keeper, &[0]), [(60, 1)]);
    let order = |sentence| {
        let networks = vec![net("192.0.2.1")];
        Event::Ban(BanOrder { ticket: Ticket(1), jail: JAIL, networks, sentence })
    };
    let mut kernel = Kernel::default();
    let said = Some(Sentence::For(Duration::from_secs(7)));
    step(&mut keeper, &mut kernel, at(100), vec![order(said)]);
    assert_eq!(kernel.0[&(JAIL, net("192.0.2.1"))], Until::At(at(107)));
    step(&mut keeper, &mut kernel, at(200), vec![order(None)]);
    assert_eq!(kernel.0[&(JAIL, net("192.0.2.1"))], Until::At(at(440)), "the third one");
}

#[test]
fn earlier_bans_are_forgotten_one_by_one() {
    let decay = Some(Duration::from_secs(1000));
    let mut keeper = keeper(growing(Growth { decay, ..Growth::default() }));
    assert_eq!(bans(&mut keeper, &[0, 100, 300]), [(60, 1), (120, 2), (240, 3)]);
    // The third one ends at 540: two are left at 1540, one at 2540.
    assert_eq!(bans(&mut keeper, &[0, 0, 0, 1_539]), [(480, 4)]);
    assert_eq!(bans(&mut keeper, &[0, 0, 0, 0, 4_019]), [(240, 3)], "four less two");
    assert_eq!(bans(&mut keeper, &[0, 0, 0, 0, 0, 99_999]), [(60, 1)]);
}

#[test]
fn whoever_is_let_in_by_hand_begins_anew() {
    let mut keeper = keeper(growing(Growth::default()));
    assert_eq!(bans(&mut keeper, &[0, 100]), [(60, 1), (120, 2)]);
    let networks = Some(vec![net("192.0.2.1")]);
    let order = UnbanOrder { ticket: Ticket(1), jail: None, networks };
    step(&mut keeper, &mut Kernel::default(), at(150), vec![Event::Unban(order)]);
    assert_eq!(bans(&mut keeper, &[0, 0, 200]), [(60, 1)]);
}

#[test]
fn the_bans_of_all_jails_count_where_that_is_wanted() {
    for (overalljails, wanted) in [(true, (120, 2)), (false, (60, 1))] {
        let growth = Growth { overalljails, ..Growth::default() };
        let mut keeper = keeper(growing(growth));
        keeper.admit(OTHER, policy(1, 600, 60));
        let elsewhere = in_jail(OTHER, attempt("192.0.2.1", 0, 1));
        step(&mut keeper, &mut Kernel::default(), at(0), vec![elsewhere]);
        assert_eq!(bans(&mut keeper, &[100]), [wanted]);
    }
}

#[test]
fn known_offenders_need_fewer_attempts_only_if_that_is_asked_for() {
    let five = NonZeroU32::new(5).expect("not zero");
    let asked = Growth { lowers_maxretry: true, ..Growth::default() };
    let needed = |growth: &Growth| [0, 1, 2, 3, 99].map(|n| growth.maxretry(five, n).get());
    assert_eq!(needed(&asked), [5, 3, 2, 1, 1]);
    assert_eq!(needed(&Growth::default()), [5; 5]);
    let policy = Policy { growth: Some(asked), ..policy(3, 600, 60) };
    let mut keeper = keeper(policy);
    assert_eq!(bans(&mut keeper, &[0, 1, 2, 100, 101]), [(60, 1), (120, 2)]);
}

#[test]
fn what_is_added_at_random_is_bounded_and_the_same_for_the_same_seed() {
    let rndtime = Duration::from_secs(100);
    let with_seed = |seed| {
        let mut keeper = Keeper::with_seed(seed);
        keeper.admit(JAIL, growing(Growth { rndtime, ..Growth::default() }));
        bans(&mut keeper, &[0, 1_000, 2_000, 3_000])
    };
    let found = with_seed(7);
    for ((length, _), least) in found.iter().zip([60, 120, 240, 480]) {
        let most = if least == 60 { 60 } else { least + 100 };
        assert!((least..=most).contains(length), "{found:?}");
    }
    assert_eq!(found, with_seed(7));
    assert_ne!(found, with_seed(8));
}

#[test]
fn the_offenders_whose_last_bans_ended_first_are_forgotten_when_there_are_too_many() {
    let most = MAX_PRIORS;
    let mut keeper = keeper(growing(Growth::default()));
    let priors = (0..most).map(|n| {
        let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + u32::try_from(n).expect("few"));
        let ended = at(i64::try_from(n).expect("few"));
        (Network::address(address.into()), true, Prior { bans: 3, ended })
    });
    keeper.restore_priors(JAIL, priors.collect::<Vec<_>>());
    let now = 1_000_000;
    let mut kernel = Kernel::default();
    let strangers = vec![attempt("192.0.2.1", now, 1)];
    step(&mut keeper, &mut kernel, at(now), strangers);
    let forgotten = |write: &Write| matches!(write, Write::NoPrior { .. });
    let writes: Vec<Write> = keeper.take_unsaved().collect();
    let forgotten: Vec<&Write> = writes.iter().filter(|write| forgotten(write)).collect();
    assert_eq!(forgotten.len(), ROOM);
    for (n, write) in (0..).zip(forgotten) {
        let network = Network::address(std::net::Ipv4Addr::from_bits(0x0a00_0000 + n).into());
        assert_eq!(*write, Write::NoPrior { jail: JAIL, network, enforced: true });
    }
    let priors = keeper.everything();
    let priors = priors.iter().filter(|write| matches!(write, Write::Prior { .. }));
    assert_eq!(priors.count(), most - ROOM + 1);
}

fn hearing(maxretry: u32) -> Policy {
    Policy { hears_bans: true, ..policy(maxretry, 86_400, 604_800) }
}

/// As the loop does it: another turn for as long as one is due.
fn turns(keeper: &mut Keeper, kernel: &mut Kernel, now: Timestamp, event: Event) -> Vec<Notice> {
    let (mut notices, _) = step(keeper, kernel, now, vec![event]);
    while keeper.deadline().is_some_and(|at| at <= now) {
        notices.extend(step(keeper, kernel, now, vec![]).0);
    }
    notices
}

#[test]
fn whoever_is_banned_again_and_again_is_banned_by_the_jail_that_hears_of_it() {
    let mut keeper = keeper(policy(1, 600, 60));
    keeper.admit(OTHER, hearing(3));
    keeper.admit(JailId(3), hearing(1));
    let mut kernel = Kernel::default();
    let mut by_jail = Vec::new();
    for (sequence, time) in [(1, 0), (2, 100), (3, 200)] {
        let event = attempt("192.0.2.1", time, sequence);
        for notice in turns(&mut keeper, &mut kernel, at(time), event) {
            if let Notice::Banned(Banned { jail, attempts, .. }) = notice {
                by_jail.push((time, jail, attempts));
            }
        }
    }
    // The third jail bans at the first one; the second counts neither that nor its own bans.
    assert_eq!(
        by_jail,
        [(0, JAIL, 1), (0, JailId(3), 1), (100, JAIL, 1), (200, JAIL, 1), (200, OTHER, 3)]
    );
    assert!(kernel.0.contains_key(&(OTHER, net("192.0.2.1"))));
}

#[test]
fn a_restored_ban_is_not_heard_and_one_by_hand_is() {
    let mut keeper = keeper(policy(1, 600, 6_000));
    keeper.admit(OTHER, hearing(1));
    let until = Until::At(at(6_000));
    let record = BanRecord { since: at(0), until, attempts: 1, nth: 1, enforced: true };
    keeper.restore(at(10), JAIL, [(net("192.0.2.1"), record)], []);
    let mut kernel = Kernel::default();
    let networks = vec![net("192.0.2.2")];
    let order = BanOrder { ticket: Ticket(1), jail: JAIL, networks, sentence: None };
    let notices = turns(&mut keeper, &mut kernel, at(10), Event::Ban(order));
    assert_eq!(banned(&notices), ["192.0.2.1", "192.0.2.2", "192.0.2.2"].map(net));
}

fn on_trial(policy: Policy) -> Policy {
    Policy { enforce: false, ..policy }
}

#[test]
fn a_jail_that_does_not_enforce_decides_and_the_firewall_hears_nothing_of_it() {
    let mut keeper = keeper(on_trial(growing(Growth::default())));
    assert_eq!(bans(&mut keeper, &[0, 100, 300]), [(60, 1), (120, 2), (240, 3)]);
    assert_eq!(keeper.banned(), 0);
    assert_eq!(keeper.bans(None).count(), 0);
    assert_eq!(keeper.would_be_bans(None).count(), 1);
    let tally = keeper.tally(JAIL, at(300));
    assert_eq!((tally.bans_now, tally.bans_in_all, tally.would_be_now), (0, 0, 1));
    let mut kernel = Kernel::default();
    let element = Element { jail: JAIL, network: net("192.0.2.9"), until: Until::Forever };
    kernel.0.insert((JAIL, element.network), element.until);
    let decisions = keeper.audit(at(301), &kernel.elements(), true);
    assert_eq!(decisions.changes, [Change::Lift { jail: JAIL, network: element.network }]);
    let networks = vec![net("192.0.2.3")];
    let order = BanOrder { ticket: Ticket(1), jail: JAIL, networks, sentence: None };
    let (_, replies) = step(&mut keeper, &mut kernel, at(302), vec![Event::Ban(order)]);
    assert_eq!(replies, [Reply { ticket: Ticket(1), answer: Answer::NotEnforced }]);
    let (notices, _) = step(&mut keeper, &mut kernel, at(600), vec![]);
    let why = Lifted::Expired;
    assert_eq!(notices, [Notice::WouldUnban { jail: JAIL, network: net("192.0.2.1"), why }]);
    assert_eq!(kernel, Kernel::default());
}

#[test]
fn nobody_is_banned_or_known_by_a_trial_when_the_jail_enforces() {
    let trial = on_trial(growing(Growth::default()));
    let mut keeper = keeper(trial.clone());
    bans(&mut keeper, &[0, 100]);
    let saved = keeper.everything();
    keeper.admit(JAIL, growing(Growth::default()));
    let mut kernel = Kernel::default();
    let (notices, _) = step(&mut keeper, &mut kernel, at(110), vec![]);
    let why = Lifted::TrialOver;
    assert_eq!(notices, [Notice::WouldUnban { jail: JAIL, network: net("192.0.2.1"), why }]);
    assert_eq!(kernel, Kernel::default());
    assert_eq!(bans(&mut keeper, &[0, 0, 120]), [(60, 1)]);

    // The same when the jail enforces since a restart; and a trial goes on over one.
    for (policy, wanted) in [(growing(Growth::default()), (60, 1)), (trial, (240, 3))] {
        let mut reborn = super::keeper(policy);
        for write in saved.clone() {
            match write {
                Write::Ban(jail, network, ban) => {
                    reborn.restore(at(110), jail, [(network, ban)], []);
                }
                Write::Prior { jail, network, enforced, prior } => {
                    reborn.restore_priors(jail, [(network, enforced, prior)]);
                }
                _ => {}
            }
        }
        assert_eq!(bans(&mut reborn, &[300]), [wanted]);
    }
}

#[test]
fn a_jail_that_enforces_no_longer_lifts_its_bans() {
    let mut keeper = keeper(policy(1, 600, 60));
    let mut kernel = Kernel::default();
    step(&mut keeper, &mut kernel, at(0), vec![attempt("192.0.2.1", 0, 1)]);
    keeper.admit(JAIL, on_trial(policy(1, 600, 60)));
    // Even when the same offender would be banned again before the firewall has heard of it.
    let again = attempt("192.0.2.1", 1, 2);
    let (notices, _) = step(&mut keeper, &mut kernel, at(1), vec![again]);
    let why = Lifted::NotEnforced;
    assert!(notices.contains(&Notice::Unbanned { jail: JAIL, network: net("192.0.2.1"), why }));
    assert!(notices.iter().any(|notice| matches!(notice, Notice::WouldBan { nth: 2, .. })));
    assert_eq!(kernel, Kernel::default());
    assert_eq!(keeper.would_be_bans(None).count(), 1);
}

#[test]
fn a_trial_of_all_jails_shows_what_hears_bans_too() {
    let mut keeper = keeper(on_trial(policy(1, 600, 60)));
    keeper.admit(OTHER, on_trial(hearing(1)));
    keeper.admit(JailId(3), hearing(1));
    let mut kernel = Kernel::default();
    turns(&mut keeper, &mut kernel, at(0), attempt("192.0.2.1", 0, 1));
    let would_be: Vec<JailId> = keeper.would_be_bans(None).map(|(jail, ..)| jail).collect();
    assert_eq!(would_be, [JAIL, OTHER]);
    assert_eq!(kernel, Kernel::default());
}

proptest! {
    #[test]
    fn any_text_is_a_formula_or_is_not(text in "\\PC{0,60}") {
        if let Err(error) = Formula::parse(&text) {
            prop_assert!(text.get(error.range).is_some());
        }
    }

    #[test]
    fn any_pieces_of_formulas_come_to_a_sentence(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "ban.Time", "ban.Count", "banFactor", "1", "2.5", "0", "20", "(", ")", "+", "-", "*",
            "/", "**", "<<", ">>", "//", "%", "<", "==", " if ", " else ", " and ", " or ", "not ",
            "min(", "math.exp(", "pow(", ",", "1e9",
        ]), 0..40),
        (count, chance, maxtime) in (any::<u32>(), 0.0..1.0_f64, 1..1_000_000_u64),
    ) {
        let text = pieces.concat();
        match Formula::parse(&text) {
            Err(error) => prop_assert!(text.get(error.range).is_some()),
            Ok(formula) => {
                let maxtime = Duration::from_secs(maxtime);
                let (law, rndtime) = (Law::Formula(formula), Duration::from_secs(9));
                let growth =
                    Growth { law, rndtime, maxtime: Some(maxtime), ..Growth::default() };
                let first = Duration::from_mins(1);
                let Sentence::For(span) = growth.sentence(Sentence::For(first), count, chance)
                    else { panic!("a length of time") };
                prop_assert!(span >= first);
                prop_assert!(span <= first.max(maxtime + rndtime));
            }
        }
    }

    #[test]
    fn a_restart_at_any_moment_changes_no_sentence(
        gaps in prop::collection::vec(1..2_000_i64, 1..12), cut in 0..12_usize, decay in 1..3_000_u64,
    ) {
        let times: Vec<i64> = gaps.iter().scan(0, |time, gap| { *time += gap; Some(*time) }).collect();
        let growth = Growth { decay: Some(Duration::from_secs(decay)), ..Growth::default() };
        let straight = bans(&mut keeper(growing(growth.clone())), &times);
        let (before, after) = times.split_at(cut.min(times.len()));
        let mut first = keeper(growing(growth.clone()));
        let mut found = bans(&mut first, before);
        let mut reborn = keeper(growing(growth));
        for write in first.everything() {
            match write {
                Write::Ban(jail, network, ban) => {
                    reborn.restore(at(*before.last().unwrap_or(&0)), jail, [(network, ban)], []);
                }
                Write::Prior { jail, network, enforced, prior } => {
                    reborn.restore_priors(jail, [(network, enforced, prior)]);
                }
                _ => {}
            }
        }
        found.extend(bans(&mut reborn, after));
        prop_assert_eq!(found, straight);
    }
}
