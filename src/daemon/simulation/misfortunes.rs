//! What others do to the service, and how its process ends and another one begins.

use std::time::Duration;

use super::claims::Claims;
use super::journal::Journal;
use super::world::{BRIEF, NAMES, World, policies, process};
use crate::keeper::{Settled, Until};

impl World {
    pub(super) fn somebody_meddles(&mut self) {
        self.is_disturbed = true;
        let network = self.offender();
        let until = Until::At(self.at.now.plus(Duration::from_mins(1)));
        self.say(|| "somebody meddles with the table".to_owned());
        match self.chance.below(3) {
            0 => self.kernel.get().flush(),
            1 => self.kernel.get().rob(),
            _ => self.kernel.get().intrude(BRIEF, network, until),
        }
    }

    /// SIGKILL.
    pub(super) fn die(&mut self) {
        self.say(|| "the process dies".to_owned());
        let service = &self.service;
        let is_behind = service.keeper.has_unsaved() || service.state_trouble.is_some();
        let was_saved = !is_behind && !self.disk.get().is_busy();
        self.disk.get().abandon();
        self.claims.process_died(was_saved, self.disk.get().state(), &self.kernel.get());
        self.live_again();
    }

    /// SIGKILL, when the kernel has heard of it but nobody else.
    pub(super) fn die_in_a_turn(&mut self) {
        drop(self.turn_unheard());
        self.claims.forget_freed();
        self.die();
    }

    pub(super) fn lose_power(&mut self) {
        self.say(|| "the power is lost".to_owned());
        self.disk.get().lose_power();
        self.claims.check_forced(self.disk.get().state());
        self.kernel.get().reboot();
        self.claims.power_lost();
        self.live_again();
    }

    /// A restart that is none of anybody's misfortunes.
    pub(super) fn restart(&mut self) {
        self.turn();
        // What cannot be saved is as after SIGKILL.
        let _ = self.service.save_all(self.at);
        let told = self.service.save_and_tell(self.at, Settled::default());
        self.hear(told);
        self.die();
    }

    /// Another process begins.
    fn live_again(&mut self) {
        self.orders.clear();
        self.has_dismissed = false;
        self.journals.iter_mut().for_each(Journal::abandon);
        let downtime = self.chance.below(2000);
        self.wait(Duration::from_millis(downtime));
        self.take_over();
    }

    /// A process begins, and again if it must: the service manager sees to it.
    pub(super) fn take_over(&mut self) {
        for attempt in 0.. {
            if attempt == 3 {
                self.kernel.get().set_trouble(0);
            }
            let parts = (&self.kernel, &self.disk);
            (self.service, self.register) = process(&self.policies, parts, self.at);
            let gates = self.gates();
            if let Ok(told) = self.service.take_over(self.at, &gates) {
                self.is_disturbed = false;
                self.claims.process_lives(self.at.now, &self.kernel.get());
                self.hear(told);
                break;
            }
            self.disk.get().abandon();
        }
        (0..self.journals.len()).for_each(|which| self.open(which));
    }

    /// The jail of short bans goes, or comes back.
    pub(super) fn reload(&mut self) {
        self.say(|| "a reload".to_owned());
        let gone = if self.policies.len() == NAMES.len() {
            self.policies.pop();
            self.has_dismissed = true;
            self.claims.jail_goes();
            self.service.keeper.dismiss(BRIEF)
        } else {
            let saved = self.service.save_all(self.at);
            if saved.is_err() && self.service.records.is_busy() {
                return self.say(|| "it is refused".to_owned());
            }
            if saved.is_err() {
                self.claims.disk_is_behind();
            } else if self.has_dismissed {
                Claims::check_dismissed(self.disk.get().state());
            }
            let brief = policies(self.chance.once_in(2)).pop().expect("it is the last one");
            self.service.keeper.admit(BRIEF, brief.1.clone());
            self.policies.push(brief);
            let saved = self.disk.get().state().jail(BRIEF, &self.service.roster);
            self.service.readmit(self.at.now, BRIEF, saved);
            Settled::default()
        };
        let told = self.put_table_right();
        self.hear(told);
        let told = self.service.save_and_tell(self.at, gone);
        self.hear(told);
    }
}
