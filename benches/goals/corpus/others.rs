//! What all the other services of a host write to syslog.

use super::random::Random;

/// Lines without end, from behind the host's name.
pub(crate) struct Others {
    random: Random,
}

impl Others {
    pub(crate) fn new() -> Self {
        Self { random: Random::new(3) }
    }

    pub(crate) fn next(&mut self) -> String {
        let address = self.random.address();
        let (pid, number) = (400 + self.random.below(60_000), self.random.below(100_000));
        let user = self.random.pick(&["root", "www-data", "news", "alice", "backup"]);
        match self.random.below(16) {
            0..3 => {
                format!("ftpd[{pid}]: connection from {address} () at Mon Jan  5 00:00:00 2026")
            }
            3 => format!("ftpd[{pid}]: connection from {address} (pool-{number}.dynamic.example)"),
            4 => format!("su(pam_unix)[{pid}]: session opened for user {user} by (uid=0)"),
            5 => format!("su(pam_unix)[{pid}]: session closed for user {user}"),
            6 => format!(
                "CRON[{pid}]: ({user}) CMD (   cd / && run-parts --report /etc/cron.hourly)"
            ),
            7 => format!("systemd[1]: session-{number}.scope: Deactivated successfully."),
            8 => "systemd[1]: Started Daily clean up of temporary directories.".to_owned(),
            9 => format!("kernel: [{number}.123456] eth0: link is up, 1000 Mb/s, full duplex"),
            10 => {
                format!("dhclient[{pid}]: DHCPACK of {address} from 198.18.0.1 ({number} s left)")
            }
            11 => format!("postfix/smtpd[{pid}]: connect from mail{number}.example.org[{address}]"),
            12 => format!("postfix/smtpd[{pid}]: disconnect from unknown[{address}] ehlo=1 quit=1"),
            13 => format!("dovecot: imap(alice)<{pid}><q0>: Logged out in={number} out=4711"),
            14 => {
                format!("named[{pid}]: client {address}#{number}: query (cache) 'example.com/A/IN'")
            }
            _ => format!("logrotate[{pid}]: ALERT exited abnormally with [{}]", number % 8),
        }
    }
}
