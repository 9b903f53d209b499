//! What bash, zsh and fish offer, each asked itself, with the files that the packages install.

use std::path::Path;
use std::process::Command;

use jailkeeper::bus::BusAnswer;
use jailkeeper::keeper::Until;

use crate::bus::row;
use crate::cli::{Served, jails};
use crate::support::dbus::PrivateBus;

const HOUSE: &str = env!("CARGO_MANIFEST_DIR");

/// Sets what bash sets, runs what completes the program, and prints the candidates.
const BASH: &str = r#"
source /usr/share/bash-completion/bash_completion
source "$FILES/jailkeeper.bash"
COMP_LINE=$LINE_TYPED COMP_POINT=${#LINE_TYPED} COMP_TYPE=9
# As readline does it: blanks separate words, and the colon is one of its own.
read -ra COMP_WORDS <<< "${LINE_TYPED//:/ : }"
[[ $LINE_TYPED == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
run=$(complete -p jailkeeper) run=${run##*-F } run=${run%% *}
"$run" jailkeeper "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\n' "${COMPREPLY[@]}"
"#;

/// Presses the tabulator in a shell at a terminal, and prints what it was given to choose from.
const ZSH: &str = r#"
zmodload zsh/zpty
zpty shell "TERM=dumb zsh -f -i"
zpty -w shell 'source $SCENE/setup'
while [[ ! -e $SCENE/ready ]]; do sleep 0.02; done
zpty -w -n shell "$LINE_TYPED"$'\t'
while [[ ! -e $SCENE/done ]]; do sleep 0.02; done
zpty -d shell
cat $SCENE/offered
"#;

const ZSH_SETUP: &str = r#"
fpath=($FILES $fpath)
autoload -U compinit
compinit -u -D
compadd() {
    local -a hits
    if [[ ${argv[1,(i)-(|-)]} != *-[OAD]* ]]; then
        builtin compadd -O hits "$@"
        print -l -- $hits >> $SCENE/offered
    fi
    builtin compadd "$@"
}
finish() { : > $SCENE/done }
comppostfuncs=(finish)
: > $SCENE/offered
: > $SCENE/ready
"#;

const FISH: &str = r#"
set -g fish_complete_path $FILES
complete -C $LINE_TYPED | string replace -r "\t.*" ""
"#;

fn offered(shell: &str, bus: &PrivateBus, line: &str) -> Vec<String> {
    let scene = tempfile::tempdir().expect("a directory");
    std::fs::write(scene.path().join("setup"), ZSH_SETUP).expect("a file");
    let (arguments, script) = match shell {
        "bash" => (["--norc", "-c"], BASH),
        "zsh" => (["-f", "-c"], ZSH),
        _ => (["--no-config", "-c"], FISH),
    };
    let client = Path::new(env!("CARGO_BIN_EXE_jailkeeper"));
    let client = client.parent().expect("a directory").display().to_string();
    let path = format!("{client}:{}", std::env::var("PATH").expect("a path"));
    let output = Command::new(shell)
        .args(arguments)
        .arg(script)
        .env("PATH", path)
        .env("HOME", scene.path())
        .env("SCENE", scene.path())
        .env("FILES", Path::new(HOUSE).join("packaging/completions"))
        .env("LINE_TYPED", line)
        .env("DBUS_SYSTEM_BUS_ADDRESS", bus.address())
        .current_dir(HOUSE)
        .output()
        .expect("the shell is installed");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(told, "", "{shell}: {line}");
    let words = String::from_utf8(output.stdout).expect("UTF-8");
    let mut words: Vec<String> =
        words.lines().map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect();
    words.sort();
    words.dedup();
    words
}

#[test]
fn shells_offer_verbs_options_jails_addresses_and_filters() {
    let bans = ["192.0.2.1", "198.51.100.7", "2001:db8:0:1::/64", "2001:db8:0:2::/64"];
    let bans = bans.map(|address| row("sshd", address, Until::Forever));
    let served = Served::with(jails(), move |_| Some(BusAnswer::Bans(bans.to_vec())));
    let filter = "jailkeeper test --vendor packaging/jailkeeper --filter dov";
    for (line, wanted) in [
        ("jailkeeper un", &["unban"][..]),
        ("jailkeeper import", &["import", "import-bans"]),
        ("jailkeeper export --form", &["--format"]),
        ("jailkeeper export --format ", &["csv", "json", "text"]),
        ("jailkeeper status ", &["nginx-http-auth", "sshd"]),
        ("jailkeeper ban s", &["sshd"]),
        ("jailkeeper unban --jail n", &["nginx-http-auth"]),
        ("jailkeeper unban 192", &["192.0.2.1"]),
        (filter, &["dovecot"]),
    ] {
        for shell in ["bash", "zsh", "fish"] {
            let offered = offered(shell, &served.bus, line);
            // A shell may offer options beside names; "status " has the global ones.
            let names: Vec<&str> = offered
                .iter()
                .map(String::as_str)
                .filter(|word| line.contains("--form") || !word.starts_with('-'))
                .collect();
            assert_eq!(names, wanted, "{shell}: {line}");
        }
    }
    // Bash completes what is behind the last colon.
    let line = "jailkeeper unban 2001:db8:0:";
    assert_eq!(offered("bash", &served.bus, line), ["1::/64", "2::/64"]);
    for shell in ["zsh", "fish"] {
        let offered = offered(shell, &served.bus, line);
        assert_eq!(offered, ["2001:db8:0:1::/64", "2001:db8:0:2::/64"], "{shell}");
    }
}

#[test]
fn without_a_service_the_configuration_is_asked_and_nothing_is_said() {
    let mut bus = PrivateBus::start();
    let line = "jailkeeper test --vendor packaging/jailkeeper ss";
    for shell in ["bash", "zsh", "fish"] {
        assert_eq!(offered(shell, &bus, line), ["sshd"], "{shell}");
        assert!(offered(shell, &bus, "jailkeeper unban 1").is_empty(), "{shell}");
    }
    bus.down();
    for shell in ["bash", "zsh", "fish"] {
        assert!(offered(shell, &bus, "jailkeeper unban 1").is_empty(), "{shell}");
    }
}
