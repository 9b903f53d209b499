//! crowdsec, as Debian has it, with its parsers of sshd and nginx and without its services in the
//! network.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::{Peer, Peers, copy, run};
use crate::measure::Job;
use crate::report::Outcome;

/// What is switched on: the stage, and who has it there.
const ITEMS: &[(&str, &str)] = &[
    ("parsers/s00-raw", "syslog-logs"),
    ("parsers/s01-parse", "sshd-logs"),
    ("parsers/s01-parse", "nginx-logs"),
    ("parsers/s02-enrich", "dateparse-enrich"),
    ("parsers/s02-enrich", "http-logs"),
    ("scenarios", "ssh-bf"),
    ("scenarios", "ssh-slow-bf"),
    ("scenarios", "http-probing"),
];

/// Its reading of a log of this kind (`syslog`, `nginx`). Its settings are written to `scratch`.
pub(crate) fn reading(peers: &Peers, scratch: &Path, log: &Path, kind: &str) -> Outcome<Job> {
    let place = peers.place(Peer::Crowdsec)?;
    let own = scratch.join(format!("crowdsec-{kind}"));
    let settings = configure(&place, &own).map_err(|e| format!("crowdsec's settings: {e}"))?;
    let (title, program) = (peers.title(Peer::Crowdsec), place.join("usr/bin/crowdsec"));
    let mut account = Command::new(place.join("usr/bin/cscli"));
    account.arg("-c").arg(&settings);
    account.args(["machines", "add", "bench", "--password", "bench", "--force", "-f"]);
    run(account.arg(own.join("etc/local_api_credentials.yaml")))?;
    let source = format!("file://{}", log.display());
    Ok(Job::new(&title, program)
        .args(["-c".as_ref(), settings.as_os_str()])
        .args(["-dsn", &source, "-type", kind, "-no-capi", "-no-api"]))
}

/// Its own settings, with all paths below `own`; the file of them.
fn configure(place: &Path, own: &Path) -> std::io::Result<std::path::PathBuf> {
    let (etc, data, log) = (own.join("etc"), own.join("data"), own.join("log"));
    let hub = place.join("usr/share/crowdsec/hub");
    for directory in [own, &data, &log] {
        fs::create_dir_all(directory)?;
    }
    copy(&place.join("etc/crowdsec"), &etc)?;
    copy(&place.join("usr/share/crowdsec/data"), &data)?;
    for (stage, item) in ITEMS {
        fs::create_dir_all(etc.join(stage))?;
        let item = format!("{item}.yaml");
        symlink(hub.join(stage).join("crowdsecurity").join(&item), etc.join(stage).join(&item))?;
    }
    let text = fs::read_to_string(etc.join("config.yaml"))?
        .replace("/etc/crowdsec/", &format!("{}/", etc.display()))
        .replace("/var/lib/crowdsec/data/", &format!("{}/", data.display()))
        .replace("/var/lib/crowdsec/hub/", &format!("{}/", hub.display()))
        .replace(
            "/usr/lib/crowdsec/plugins/",
            &format!("{}/usr/lib/crowdsec/plugins/", place.display()),
        )
        .replace("/var/log/", &format!("{}/", log.display()))
        .replace("daemonize: true", "daemonize: false")
        .replace("log_media: file", "log_media: stdout")
        .replace("prometheus:\n  enabled: true", "prometheus:\n  enabled: false");
    let file = own.join("config.yaml");
    fs::write(&file, text)?;
    fs::write(etc.join("online_api_credentials.yaml"), "")?;
    let account = "url: http://127.0.0.1:8080/\nlogin: bench\npassword: bench\n";
    fs::write(etc.join("local_api_credentials.yaml"), account)?;
    Ok(file)
}
