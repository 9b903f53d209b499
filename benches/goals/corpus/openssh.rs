//! What sshd says on a server that is attacked all the time. Of its lines a third are failed logins.

use std::collections::VecDeque;

use super::random::Random;

/// One message, and the process that has it.
pub(crate) struct Said {
    pub(crate) pid: u64,
    pub(crate) message: String,
}

/// How many attackers are at it at a time.
const ATTACKERS: usize = 4;

const NAMES: &[&str] = &[
    "admin",
    "test",
    "oracle",
    "postgres",
    "ubuntu",
    "git",
    "backup",
    "support",
    "guest",
    "deploy",
    "ftpuser",
    "jenkins",
    "minecraft",
    "nagios",
    "pi",
    "user1",
    "web",
    "www",
    "zabbix",
    "tomcat",
];

const HOSTS: &[&str] = &[
    "static.example.net",
    "cable-customer-17.example.org",
    "dsl-pool-03.dynamic.provider.example",
    "vps2201.hosting.example",
];

/// What a connection comes to, and how often of a thousand.
const ENDS: &[(Connection, u64)] = &[
    (Connection::Root, 640),
    (Connection::Unknown, 200),
    (Connection::NoMoreMethods, 80),
    (Connection::Closed, 40),
    (Connection::NoIdentification, 18),
    (Connection::TooMany, 12),
    (Connection::AuthFail, 4),
    (Connection::LoggedIn, 6),
];

#[derive(Clone, Copy)]
enum Connection {
    /// A wrong password for root.
    Root,
    /// A user whom there is not.
    Unknown,
    NoMoreMethods,
    Closed,
    NoIdentification,
    /// One that tries until sshd has enough.
    TooMany,
    AuthFail,
    LoggedIn,
}

/// Messages without end, connection by connection.
pub(crate) struct Sshd {
    random: Random,
    attackers: Vec<String>,
    pid: u64,
    pending: VecDeque<String>,
}

impl Sshd {
    pub(crate) fn new() -> Self {
        let mut random = Random::new(2);
        let attackers = (0..ATTACKERS).map(|_| random.address()).collect();
        Self { random, attackers, pid: 24_200, pending: VecDeque::new() }
    }

    pub(crate) fn next(&mut self) -> Said {
        while self.pending.is_empty() {
            self.connect();
        }
        let message = self.pending.pop_front().expect("it is not empty");
        Said { pid: self.pid, message }
    }

    fn connect(&mut self) {
        self.pid = 1_000 + (self.pid + 1 + self.random.below(3)) % 60_000;
        let attacker = self.random.place(ATTACKERS);
        // One in a dozen gives up, and another comes.
        if self.random.below(12) == 0 {
            self.attackers[attacker] = self.random.address();
        }
        let address = self.attackers[attacker].clone();
        let port = 20_000 + self.random.below(40_000);
        let weights: Vec<u64> = ENDS.iter().map(|(_, weight)| *weight).collect();
        let (end, _) = ENDS[self.random.weighed(&weights)];
        match end {
            Connection::Root => self.root(&address, port),
            Connection::Unknown => self.unknown(&address, port),
            Connection::NoMoreMethods => self.say(format!(
                "error: Received disconnect from {address}: 14: No more user authentication methods available. [preauth]"
            )),
            Connection::Closed => self.say(format!("Connection closed by {address} [preauth]")),
            Connection::NoIdentification => {
                self.say(format!("Did not receive identification string from {address}"));
            }
            Connection::TooMany => self.too_many(&address, port),
            Connection::AuthFail => self.say(format!(
                "error: Received disconnect from {address}: 3: com.example.ssh.SshException: Auth fail [preauth]"
            )),
            Connection::LoggedIn => self.logged_in(&address, port),
        }
    }

    fn say(&mut self, message: String) {
        self.pending.push_back(message);
    }

    fn root(&mut self, address: &str, port: u64) {
        self.reverse_mapping(address);
        let peer = self.peer(address);
        self.say(format!("{PAM_FAILED} rhost={peer}  user=root"));
        self.say(format!("Failed password for root from {address} port {port} ssh2"));
        self.disconnect(address);
    }

    fn unknown(&mut self, address: &str, port: u64) {
        self.reverse_mapping(address);
        let name = self.random.pick(NAMES);
        self.say(format!("Invalid user {name} from {address}"));
        self.say(format!("input_userauth_request: invalid user {name} [preauth]"));
        let tries = 1 + self.random.below(6) / 5;
        for _ in 0..tries {
            let peer = self.peer(address);
            self.say("pam_unix(sshd:auth): check pass; user unknown".to_owned());
            self.say(format!("{PAM_FAILED} rhost={peer} "));
            self.say(format!(
                "Failed password for invalid user {name} from {address} port {port} ssh2"
            ));
        }
        self.disconnect(address);
    }

    fn too_many(&mut self, address: &str, port: u64) {
        self.say(format!("{PAM_FAILED} rhost={address}  user=root"));
        self.say(format!("Failed password for root from {address} port {port} ssh2"));
        self.say(format!(
            "message repeated 5 times: [ Failed password for root from {address} port {port} ssh2]"
        ));
        self.say("Disconnecting: Too many authentication failures for root [preauth]".to_owned());
        self.say(format!(
            "PAM 5 more authentication failures; logname= uid=0 euid=0 tty=ssh ruser= rhost={address}  user=root"
        ));
        self.say("PAM service(sshd) ignoring max retries; 6 > 3".to_owned());
    }

    fn logged_in(&mut self, address: &str, port: u64) {
        self.say(format!("Accepted password for alice from {address} port {port} ssh2"));
        self.say("pam_unix(sshd:session): session opened for user alice by (uid=0)".to_owned());
        self.say(format!("Received disconnect from {address}: 11: disconnected by user"));
        self.say("pam_unix(sshd:session): session closed for user alice".to_owned());
    }

    fn reverse_mapping(&mut self, address: &str) {
        if self.random.below(6) == 0 {
            let host = self.random.pick(HOSTS);
            self.say(format!(
                "reverse mapping checking getaddrinfo for {host} [{address}] failed - POSSIBLE BREAK-IN ATTEMPT!"
            ));
        }
    }

    /// How PAM names the other side: seldom by a name.
    fn peer(&mut self, address: &str) -> String {
        if self.random.below(8) == 0 {
            self.random.pick(HOSTS).to_owned()
        } else {
            address.to_owned()
        }
    }

    fn disconnect(&mut self, address: &str) {
        let message = match self.random.below(20) {
            0 => format!("Connection closed by {address} [preauth]"),
            _ => format!("Received disconnect from {address}: 11: Bye Bye [preauth]"),
        };
        self.say(message);
    }
}

const PAM_FAILED: &str =
    "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser=";
