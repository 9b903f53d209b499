//! How long whoever asks or orders something waits while the service catches up.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use jailkeeper::bus::NAME;
use zbus::Connection;
use zbus::connection::Builder;

use crate::Part;
use crate::corpus::Log;
use crate::live::ours::Ours;
use crate::live::watch::Watch;
use crate::live::{Addresses, Guard, Setting, Source, append, as_of_now, failures};
use crate::measure::percentile;
use crate::report::{Goal, Outcome, Row, Unit};
use crate::scene::Scene;

pub(crate) const PART: Part = Part {
    name: "control",
    about: "Calls over D-Bus while a log with many lines of sshd is read, of whom all are banned that the \
            stock jail bans: a question that the loop answers, and a ban by hand, which is answered when \
            the kernel and the state file have it.",
    needs: &[],
    measure,
};

const SETTING: Setting = Setting { maxretry: 5, jails: 1, journal: false };

const JAIL: &str = "jk0";

const LIMIT: Duration = Duration::from_mins(2);

/// Between two calls.
const PAUSE: Duration = Duration::from_millis(5);

/// Milliseconds.
#[derive(Default)]
struct Times {
    asked: Vec<f64>,
    ordered: Vec<f64>,
}

fn measure(scene: &Scene) -> Vec<Row> {
    let (asked, ordered) = match calls(scene) {
        Ok(Times { asked, ordered }) => (Ok(asked), Ok(ordered)),
        Err(why) => (Err(why.clone()), Err(why)),
    };
    let mut rows = Vec::new();
    for (what, times) in [("a question", asked), ("a ban by hand", ordered)] {
        for percent in [50, 99] {
            let figure = times.clone().map(|times| percentile(times, percent));
            let name = format!("{what}, p{percent}");
            rows.push(Row::new(&name, Unit::Millis, Goal::at_most(5.0), figure));
        }
    }
    rows
}

fn calls(scene: &Scene) -> Outcome<Times> {
    let log = scene.corpus.log(Log::Sshd, scene.scale.lines).expect("the cache can be written to");
    let lines = std::fs::read_to_string(log).expect("it is there");
    let mut ours = Ours::new(&scene.scratch, SETTING);
    let mut watch = Watch::new(ours.network());
    ours.start()?;
    let Source::File(log) = ours.source() else { unreachable!("it reads a log") };
    let address = ours.house.bus.address();
    let bus =
        zbus::block_on(Builder::address(address.as_str()).build()).map_err(|e| e.to_string())?;
    let mut addresses = Addresses::new();
    let last = addresses.one();
    let text = [as_of_now(&lines), failures(&[last; SETTING.maxretry as usize])];
    append(&log, &text.concat());
    let mut times = Times::default();
    let begin = Instant::now();
    while watch.await_one(last, PAUSE).is_err() {
        if begin.elapsed() > LIMIT {
            return Err(format!("it has not read its log in {LIMIT:?}"));
        }
        times.asked.push(asked(&bus)?);
        times.ordered.push(ordered(&bus, addresses.one())?);
    }
    ours.stop()?;
    Ok(times)
}

fn asked(bus: &Connection) -> Outcome<f64> {
    timed(|| call(bus, "ListAllowed", &()))
}

fn ordered(bus: &Connection, address: Ipv4Addr) -> Outcome<f64> {
    timed(|| call(bus, "Ban", &(JAIL, [address.to_string()].as_slice(), 0_i64)))
}

fn timed(call: impl FnOnce() -> zbus::Result<()>) -> Outcome<f64> {
    let begin = Instant::now();
    call().map_err(|e| e.to_string())?;
    Ok(begin.elapsed().as_secs_f64() * 1000.0)
}

fn call<A>(bus: &Connection, method: &str, arguments: &A) -> zbus::Result<()>
where
    A: serde::Serialize + zbus::wire::DynamicType,
{
    let manager = "org.jailkeeper1.Manager";
    let answer = bus.call_method(Some(NAME), "/org/jailkeeper1", Some(manager), method, arguments);
    zbus::block_on(answer).map(drop)
}
