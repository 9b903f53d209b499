//! The logs of a web server.

use std::io::{self, Write};

use super::at;
use super::random::Random;
use super::stamp::Stamp;

const THERE: &[&str] = &[
    "/",
    "/index.html",
    "/about",
    "/css/site.css",
    "/js/app.js",
    "/img/logo.png",
    "/api/v1/items?page=3",
    "/blog/2025/11/how-to-run-a-server",
    "/favicon.ico",
    "/feed.xml",
    "/search?q=banana&lang=en",
];

/// What only those ask for who look for a hole.
const SOUGHT: &[&str] = &[
    "/wp-login.php",
    "/phpmyadmin/index.php",
    "/pma/",
    "/admin/pma/",
    "/cgi-bin/test.cgi",
    "/webmail/",
    "/roundcube/",
    "/mysqladmin/",
    "/horde/imp",
];

const MISSED: &[&str] =
    &["/old/page.html", "/robots.txt", "/apple-touch-icon.png", "/.well-known/security.txt"];

const AGENTS: &[&str] = &[
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "curl/8.5.0",
    "Mozilla/5.0 (compatible; bot/1.0; +https://example.org/bot)",
];

const USERS: &[&str] = &["admin", "root", "test", "john", "backup", "user with space"];

/// Clients, few of which make most of the requests.
struct Clients {
    addresses: Vec<String>,
}

impl Clients {
    fn new(random: &mut Random) -> Self {
        Self { addresses: (0..5_000).map(|_| random.address()).collect() }
    }

    fn one(&self, random: &mut Random) -> &str {
        let all = self.addresses.len();
        let (many, few) = (1 + random.place(all), 1 + random.place(all));
        &self.addresses[random.place(many.min(few))]
    }
}

/// Three requests in a hundred are those that are to be found.
pub(super) fn access(lines: u64, mut stamp: Stamp, out: &mut impl Write) -> io::Result<()> {
    let mut random = Random::new(4);
    let clients = Clients::new(&mut random);
    for line in 0..lines {
        let date = stamp.at(at(line, lines));
        let (path, status) = match random.below(100) {
            0..3 => (random.pick(SOUGHT), 404),
            3..8 => (random.pick(MISSED), 404),
            _ => (random.pick(THERE), [200, 200, 200, 200, 304, 301][random.place(6)]),
        };
        let method = if random.below(50) == 0 { "POST" } else { "GET" };
        let client = clients.one(&mut random);
        let (size, agent) = (100 + random.below(60_000), random.pick(AGENTS));
        writeln!(
            out,
            r#"{client} - - [{date}] "{method} {path} HTTP/1.1" {status} {size} "-" "{agent}""#
        )?;
    }
    Ok(())
}

/// Three lines in ten are wrong passwords or users whom there are not.
pub(super) fn error(lines: u64, mut stamp: Stamp, out: &mut impl Write) -> io::Result<()> {
    let mut random = Random::new(5);
    let clients = Clients::new(&mut random);
    for line in 0..lines {
        let date = stamp.at(at(line, lines));
        let client = clients.one(&mut random);
        let number = 1 + random.below(1_000_000);
        let head = |level| format!("{date} [{level}] 812#812: *{number}");
        if random.below(10) == 0 {
            let said = "SSL_do_handshake() failed (SSL: error:0A00006C:SSL routines::bad key share) while SSL handshaking";
            writeln!(out, "{} {said}, client: {client}, server: 0.0.0.0:443", head("crit"))?;
            continue;
        }
        let (path, said) = complaint(&mut random);
        let asked =
            format!(r#"server: _, request: "GET {path} HTTP/1.1", host: "www.example.org""#);
        writeln!(out, "{} {said}, client: {client}, {asked}", head("error"))?;
    }
    Ok(())
}

/// A path, and what nginx has to say about it.
fn complaint(random: &mut Random) -> (&'static str, String) {
    let missing =
        |path| format!(r#"open() "/var/www/html{path}" failed (2: No such file or directory)"#);
    match random.below(90) {
        0..20 => {
            let user = random.pick(USERS);
            (random.pick(THERE), format!(r#"user "{user}": password mismatch"#))
        }
        20..30 => {
            let user = random.pick(USERS);
            let said = format!(r#"user "{user}" was not found in "/etc/nginx/.htpasswd""#);
            ("/private/", said)
        }
        30..40 => {
            let path = random.pick(SOUGHT);
            (path, missing(path))
        }
        40..65 => {
            let path = random.pick(MISSED);
            (path, missing(path))
        }
        65..80 => ("/.git/config", "access forbidden by rule".to_owned()),
        _ => {
            let said = "upstream timed out (110: Connection timed out) while reading response header from upstream";
            ("/api/v1/items", said.to_owned())
        }
    }
}
