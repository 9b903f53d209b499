//! All features at once: whatever happens, some things hold.

use super::*;
use crate::keeper::jail::Jail;

const RECIDIVE: JailId = JailId(2);

/// What the jails are like; each bit is a feature.
fn jails(features: u16) -> Vec<(JailId, Policy)> {
    let has = |bit: u16| features & (1 << bit) != 0;
    let growth = Growth {
        overalljails: has(1),
        decay: has(2).then_some(Duration::from_secs(40)),
        lowers_maxretry: has(3),
        ..Growth::default()
    };
    let escalate = Escalate { after: 2, prefix: Prefix { ipv4: 24, ipv6: 56 } };
    let rule = IgnoreRule { user: Some("amy".into()), networks: None };
    let main = Policy {
        growth: has(0).then_some(growth),
        enforce: !has(4),
        escalate: has(5).then_some(escalate),
        count_by: if has(6) { CountBy::User } else { CountBy::Address },
        rules: has(7).then_some(rule).into_iter().collect(),
        maxmatches: has(8).then_some(1),
        ignoresessions: !has(9),
        ..policy(2, 20, 25)
    };
    let other = Policy { enforce: !has(10), ..policy(1, 20, 15) };
    let recidive = Policy {
        hears_bans: true,
        enforce: !has(11),
        escalate: has(12).then_some(escalate),
        ..policy(2, 100, 90)
    };
    vec![(JAIL, main), (OTHER, other), (RECIDIVE, recidive)]
}

/// What happens: which, to whom, how much, and after how many seconds.
type Step = (u8, u8, u8, i64);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((0..20_u8, 0..8_u8, 0..8_u8, 0..6_i64), 0..60)
}

/// A keeper, its firewall, its state file, and what people were told.
#[derive(Clone)]
struct World {
    jails: Vec<(JailId, Policy)>,
    sessions: Vec<Session>,
    keeper: Keeper,
    kernel: Kernel,
    disk: Disk,
    /// Whom people believe to be banned.
    told: BTreeSet<(JailId, Network)>,
    now: i64,
    sequence: u64,
}

impl World {
    fn new(features: u16) -> Self {
        let (jails, disk) = (jails(features), Disk::new());
        let keeper = restored(&jails, at(0), &disk);
        Self {
            keeper,
            jails,
            sessions: Vec::new(),
            kernel: Kernel::default(),
            disk,
            told: BTreeSet::new(),
            now: 0,
            sequence: 0,
        }
    }

    /// What comes of a step: an event, or a change of what the keeper decides by.
    fn event(&mut self, (what, who, much, _): Step) -> Option<Event> {
        self.sequence += 1;
        let address = format!("192.0.{}.{}", who / 4, who % 4);
        let network = net(&format!("{address}/{}", [32, 32, 31, 24, 23][usize::from(much % 5)]));
        let ticket = Ticket(self.sequence);
        let jail = if much % 2 == 0 { JAIL } else { OTHER };
        let time = Sentence::For(Duration::from_secs(u64::from(much) * 9 + 1));
        let place = (much < 5).then_some(jail);
        match what {
            0..=9 => {
                let user = ["amy", "bob", "eve", ""][usize::from(much / 2)];
                return Some(Event::Attempt(Attempt {
                    jail: if what < 7 { JAIL } else { OTHER },
                    offender: net(&address),
                    user: (!user.is_empty()).then(|| user.into()),
                    time: at(self.now),
                    place: Place { source: SourceId(0), sequence: self.sequence },
                    text: Some((*format!("line {}", self.sequence)).into()),
                }));
            }
            10 | 11 => {
                let (networks, sentence) = (vec![network], Some(time));
                return Some(Event::Ban(BanOrder { ticket, jail, networks, sentence }));
            }
            12 => {
                let networks = (much < 7).then(|| vec![network]);
                return Some(Event::Unban(UnbanOrder { ticket, jail: place, networks }));
            }
            13 => {
                let (networks, comment) = (vec![network], "".into());
                let order = AllowOrder { ticket, jail: place, networks, sentence: time, comment };
                return Some(Event::Allow(order));
            }
            14 | 15 => {
                let networks = vec![network];
                return Some(Event::Disallow(DisallowOrder { ticket, jail: place, networks }));
            }
            16 => {
                let from = [net(&address)].into_iter().filter(|_| much < 5);
                self.sessions = from
                    .map(|from| Session {
                        id: "1".into(),
                        user: "root".into(),
                        address: from.first(),
                    })
                    .collect();
                self.keeper.set_sessions(self.sessions.clone());
            }
            17 => {
                self.jails = jails(u16::from(who) << (much * 2));
                self.rule();
            }
            18 => {
                self.comes_or_goes();
                self.rule();
            }
            _ => {}
        }
        None
    }

    /// A reload without the second jail, or with it again.
    fn comes_or_goes(&mut self) {
        if self.keeper.jails().any(|id| id == OTHER) {
            self.jails.retain(|(id, _)| *id != OTHER);
            let gone = self.keeper.dismiss(OTHER);
            self.kernel.0.retain(|(jail, _), _| *jail != OTHER);
            self.hear(&gone.notices);
        } else {
            let (id, policy) = jails(0)[1].clone();
            self.jails.push((id, policy));
        }
    }

    /// The keeper goes by these rules now.
    fn rule(&mut self) {
        let is_new = |keeper: &Keeper, jail| keeper.jails().all(|id| id != jail);
        for (id, policy) in &self.jails {
            let new = is_new(&self.keeper, *id);
            self.keeper.admit(*id, policy.clone());
            let priors = self.disk.values().filter_map(|write| match write {
                Write::Prior { jail, network, enforced, prior } if new && jail == id => {
                    Some((*network, *enforced, *prior))
                }
                _ => None,
            });
            self.keeper.restore_priors(*id, priors.collect::<Vec<_>>());
        }
        self.keeper.set_sessions(self.sessions.clone());
    }

    fn hear(&mut self, notices: &[Notice]) {
        for notice in notices {
            match notice {
                Notice::Banned(Banned { jail, network, news, .. }) => {
                    let is_new = self.told.insert((*jail, *network));
                    assert!(is_new || *news != News::New, "a second ban: {notice:?}");
                }
                Notice::Unbanned { jail, network, .. } => {
                    assert!(self.told.remove(&(*jail, *network)), "of no ban: {notice:?}");
                }
                _ => {}
            }
        }
    }

    /// One turn of the loop; `trouble` is what the firewall makes of it.
    fn turn(&mut self, events: Vec<Event>, trouble: u8) {
        let Decisions { changes, notices, .. } = self.keeper.decide(at(self.now), events);
        self.hear(&notices);
        let outcome = match trouble {
            0 => Outcome::Failed { reason: "busy".into() },
            1 if !changes.is_empty() => {
                self.kernel.take(&changes[1..]);
                Outcome::Applied { refused: vec![(0, "no".into())] }
            }
            _ => self.kernel.take(&changes),
        };
        if !changes.is_empty() {
            let settled = self.keeper.settle(at(self.now), &changes, &outcome);
            self.hear(&settled.notices);
        }
        saved(&mut self.disk, unsaved(&mut self.keeper));
    }

    /// A step, and whatever is due by then.
    fn step(&mut self, step: Step, trouble: u8) {
        self.now += step.3;
        let event = self.event(step);
        self.turn(event.into_iter().collect(), trouble);
        for turns in 0.. {
            if self.keeper.deadline().is_none_or(|due| due > at(self.now)) {
                break;
            }
            assert!(turns < 5, "the loop does not come to rest");
            self.turn(vec![], trouble);
        }
    }

    /// The process dies, and another one takes its place.
    fn die(&mut self) {
        self.keeper = restored(&self.jails, at(self.now), &self.disk);
        self.keeper.set_sessions(self.sessions.clone());
        self.keeper.restore_place(SourceId(0), self.sequence);
        let decisions = self.keeper.audit(at(self.now), &self.kernel.elements(), true);
        self.hear(&decisions.notices);
        let outcome = self.kernel.take(&decisions.changes);
        let settled = self.keeper.settle(at(self.now), &decisions.changes, &outcome);
        self.hear(&settled.notices);
        saved(&mut self.disk, unsaved(&mut self.keeper));
    }

    /// What holds at all times.
    fn check(&self) {
        let mut whole = Disk::new();
        saved(&mut whole, self.keeper.everything());
        let of_running = |(key, _): &(&DiskKey, &Write)| {
            key.1.is_none_or(|id| key.0 == "allowed" || self.keeper.jails().any(|run| run == id))
        };
        let on_disk: Vec<_> = self.disk.iter().filter(of_running).collect();
        assert_eq!(on_disk, whole.iter().collect::<Vec<_>>(), "what is saved is everything");
    }

    /// What holds when the firewall has taken all.
    fn check_kernel(&self) {
        let wanted: Vec<Element> = self.keeper.wanted().collect();
        assert_eq!(self.kernel.elements(), wanted);
        assert_eq!(self.told, self.kernel.0.keys().copied().collect());
        for Element { jail, network, .. } in wanted {
            let jail = self.keeper.jails.get(jail).expect("it runs");
            assert!(jail.policy.enforce, "{network}");
            assert_eq!(jail.spares(network, network, &self.keeper.friends), None);
            assert_eq!(self.keeper.friends.session(&jail.policy, network), None);
        }
        self.keeper.jails.iter().for_each(|jail| self.check_escalation(jail));
    }

    /// Enough members of a network are banned instead of it only where somebody in it is spared.
    fn check_escalation(&self, jail: &Jail) {
        let Some(Escalate { after, prefix }) = jail.policy.escalate else { return };
        for (member, _) in jail.ledger.iter() {
            let wide = member.widened(prefix);
            let enough = wide != member && jail.ledger.within(wide).count() >= after as usize;
            assert!(!enough || jail.spares_all_of(wide, &self.keeper.friends).is_some(), "{wide}");
        }
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_kernel_comes_to_have_what_was_decided(
        features in any::<u16>(), steps in steps(), troubles in prop::collection::vec(0..5_u8, 60),
    ) {
        let mut world = World::new(features);
        for (step, trouble) in steps.into_iter().zip(troubles) {
            world.step(step, trouble);
            world.check();
        }
        for wait in [30, 120] {
            world.step((19, 0, 0, wait), 9);
        }
        world.check_kernel();
    }

    #[test]
    fn a_death_between_two_turns_changes_nothing_that_is_decided_later(
        features in any::<u16>(), steps in steps(), death in 0..60_usize,
    ) {
        let mut lives = World::new(features);
        let mut dies = None;
        for (index, step) in steps.into_iter().enumerate() {
            if index == death {
                let mut other: World = lives.clone();
                other.die();
                dies = Some(other);
            }
            lives.step(step, 9);
            lives.check();
            lives.check_kernel();
            if let Some(dies) = &mut dies {
                dies.step(step, 9);
                dies.check_kernel();
                prop_assert_eq!(&dies.kernel, &lives.kernel);
                prop_assert_eq!(dies.keeper.everything(), lives.keeper.everything());
            }
        }
    }
}

/// A ban by hand, for so many seconds.
fn by_hand(network: &str, seconds: u64) -> Event {
    Event::Ban(BanOrder {
        ticket: Ticket(1),
        jail: JAIL,
        networks: vec![net(network)],
        sentence: Some(Sentence::For(Duration::from_secs(seconds))),
    })
}

#[test]
fn a_ban_with_another_end_is_still_the_same_one() {
    let (mut keeper, mut kernel) = (keeper(policy(1, 600, 60)), Kernel::default());
    keeper.admit(RECIDIVE, Policy { hears_bans: true, ..policy(2, 600, 600) });
    step(&mut keeper, &mut kernel, at(0), vec![attempt("192.0.2.1", 0, 1)]);
    for (seconds, end) in [(600, 601), (5, 6)] {
        let order = by_hand("192.0.2.1", seconds);
        let (notices, _) = step(&mut keeper, &mut kernel, at(1), vec![order]);
        let [Notice::Banned(Banned { nth: 1, attempts: 1, news: News::Changed, until, .. })] =
            notices[..]
        else {
            panic!("one notice: {notices:?}");
        };
        assert_eq!((until, kernel.elements()[0].until), (Until::At(at(end)), Until::At(at(end))));
    }
    assert_eq!(kernel.0.len(), 1, "who hears of bans has heard of one");
    assert_eq!(keeper.tally(JAIL, at(1)).bans_in_all, 1);
}

#[test]
fn lines_of_a_ban_that_a_session_keeps_from_being_made_are_forgotten() {
    let (mut keeper, mut kernel) = (keeper(policy(1, 600, 60)), Kernel::default());
    let address = "192.0.2.1".parse::<IpAddr>().expect("an address");
    keeper.set_sessions([Session { id: "1".into(), user: "root".into(), address }]);
    let Event::Attempt(mut tried) = attempt("192.0.2.1", 0, 1) else { unreachable!() };
    tried.text = Some("failed".into());
    let (notices, _) = step(&mut keeper, &mut kernel, at(0), vec![Event::Attempt(tried)]);
    assert!(matches!(notices[1], Notice::NotBanned { .. }), "{notices:?}");
    assert_eq!(keeper.evidence(JAIL, net("192.0.2.1")).count(), 0);
}

#[test]
fn when_what_was_to_be_tried_again_is_gone_nothing_is_due() {
    let mut keeper = keeper(policy(1, 600, 60));
    let changes = keeper.decide(at(0), [attempt("192.0.2.1", 0, 1)]).changes;
    keeper.settle(at(0), &changes, &Outcome::Failed { reason: "busy".into() });
    assert_eq!(keeper.dismiss(JAIL).notices, [], "it never was a ban");
    assert_eq!(keeper.decide(at(1), []).changes, []);
    assert_eq!(keeper.deadline(), None);
}

#[test]
fn what_a_dead_process_did_not_live_to_write_down_is_heard() {
    let mut keeper = keeper(policy(1, 600, 60));
    keeper.admit(RECIDIVE, Policy { hears_bans: true, ..policy(1, 600, 600) });
    let (network, until) = (net("192.0.2.1"), Until::At(at(60)));
    let decisions = keeper.audit(at(0), &[Element { jail: JAIL, network, until }], true);
    assert!(decisions.changes.contains(&Change::Ban {
        jail: RECIDIVE,
        network,
        until: Until::At(at(600)),
    }));
}

#[test]
fn a_saved_ban_that_is_right_no_longer_is_told_to_be_over() {
    let mut rules = policy(1, 600, 60);
    rules.ignore.networks = [net("192.0.2.0/24")].into_iter().collect();
    let (mut keeper, mut kernel) = (keeper(rules), Kernel::default());
    let (network, until) = (net("192.0.2.1"), Until::At(at(60)));
    let record = BanRecord { since: at(0), until, attempts: 1, nth: 1, enforced: true };
    keeper.restore(at(1), JAIL, [(network, record)], []);
    let (notices, _) = step(&mut keeper, &mut kernel, at(1), vec![]);
    assert_eq!(notices, [Notice::Unbanned { jail: JAIL, network, why: Lifted::Ignored }]);
    assert_eq!(keeper.take_unsaved().collect::<Vec<_>>(), [Write::NoBan(JAIL, network)]);
}

#[test]
fn an_unban_of_a_network_forgets_what_was_counted_in_it() {
    let (mut keeper, mut kernel) = (keeper(policy(2, 600, 60)), Kernel::default());
    let events = vec![attempt("192.0.2.1", 0, 1), attempt("192.0.3.1", 0, 2)];
    step(&mut keeper, &mut kernel, at(0), events);
    let networks = Some(vec![net("192.0.2.0/24")]);
    let order = UnbanOrder { ticket: Ticket(1), jail: None, networks };
    step(&mut keeper, &mut kernel, at(1), vec![Event::Unban(order)]);
    let again = vec![attempt("192.0.2.1", 2, 3), attempt("192.0.3.1", 2, 4)];
    let (notices, _) = step(&mut keeper, &mut kernel, at(2), again);
    assert_eq!(banned(&notices), [net("192.0.3.1")]);
}
