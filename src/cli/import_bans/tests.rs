use jiff::tz::TimeZone;

use super::read::text;
use super::{End, List, Listed};
use crate::cli::page::Page;

const NOW: i64 = 1_700_000_000;

fn read(list: &str) -> Result<Vec<(Option<String>, String, End)>, String> {
    let page = Page { width: None, now: NOW, zone: TimeZone::UTC };
    let List { bans, refused } =
        text("list", list, &page).map_err(|e| e.text().expect("a text"))?;
    assert!(refused.is_empty());
    let plain = |Listed { jail, offender, end }| (jail, offender.to_string(), end);
    Ok(bans.into_iter().map(plain).collect())
}

fn ban(jail: &str, offender: &str, end: End) -> (Option<String>, String, End) {
    ((!jail.is_empty()).then(|| jail.to_owned()), offender.to_owned(), end)
}

#[test]
fn every_form_is_recognised() {
    let plain = |offender| ban("", offender, End::Untold);
    for (list, bans) in [
        ("", vec![]),
        (
            "192.0.2.1\n# no\n2001:db8::/32 # net\n",
            vec![plain("192.0.2.1"), plain("2001:db8::/32")],
        ),
        ("192.0.2.1 192.0.2.2", vec![plain("192.0.2.1"), plain("192.0.2.2")]),
        (r#"["192.0.2.1"]"#, vec![plain("192.0.2.1")]),
        ("[]", vec![]),
        ("[{'sshd': ['192.0.2.1']}, {'x': []}]", vec![ban("sshd", "192.0.2.1", End::Untold)]),
        (r#"{"sshd": ["192.0.2.1"]}"#, vec![ban("sshd", "192.0.2.1", End::Untold)]),
        (
            r#"{"offender": "192.0.2.1", "until": -1, "extra": {"a": [true, null]}}"#,
            vec![ban("", "192.0.2.1", End::Never)],
        ),
        (
            r#"[{"jail": "sshd", "since": 5, "offender": "192.0.2.1", "until": 7.5}]"#,
            vec![ban("sshd", "192.0.2.1", End::At(7))],
        ),
        (
            "192.0.2.1 \t2023-11-14 22:00:00 + 600 = 2023-11-14 22:10:00\n\
             192.0.2.2 \t2023-11-14 22:00:00 + -1 = 9999-12-31 23:59:59\n",
            vec![ban("", "192.0.2.1", End::At(NOW - 200)), ban("", "192.0.2.2", End::Never)],
        ),
        (
            "create bad hash:ip family inet hashsize 1024 maxelem 65536 timeout 600\n\
             add bad 192.0.2.1 timeout 60 packets 3 bytes 180\nadd bad 192.0.2.2\n\
             add bad 192.0.2.3 timeout 0\n",
            vec![
                ban("", "192.0.2.1", End::At(NOW + 60)),
                plain("192.0.2.2"),
                ban("", "192.0.2.3", End::Never),
            ],
        ),
        (
            "Name: bad\nType: hash:ip\nSize in memory: 200\nMembers:\n192.0.2.1 timeout 60\n",
            vec![ban("", "192.0.2.1", End::At(NOW + 60))],
        ),
        (
            "Jail, IP ,until\nsshd,192.0.2.1,2023-11-14T22:13:20Z\nsshd,192.0.2.2,forever\n\
             ,192.0.2.3,\nsshd,192.0.2.4,1700000005\n",
            vec![
                ban("sshd", "192.0.2.1", End::At(NOW)),
                ban("sshd", "192.0.2.2", End::Never),
                plain("192.0.2.3"),
                ban("sshd", "192.0.2.4", End::At(NOW + 5)),
            ],
        ),
        (
            "id,source,ip,reason,action,country,as,events_count,expiration,simulated,alert_id\n\
             1,crowdsec,192.0.2.1,crowdsecurity/ssh-bf,ban,,\"64500 A, B\",6,3h59m40.5s,false,2\n",
            vec![ban("", "192.0.2.1", End::At(NOW + 14_380))],
        ),
    ] {
        assert_eq!(read(list).as_deref(), Ok(&bans[..]), "{list}");
    }
}

#[test]
fn mistakes_have_a_line_and_a_column() {
    for (list, place, part) in [
        ("192.0.2.1\n  bad one\n", "list:2:3: ", "\"bad\": this is not an IP address"),
        ("192.0.2.1,sshd\n", "list:1:1: ", "a table begins with"),
        ("192.0.2.1 timeout soon\n", "list:1:11: ", "stand seconds"),
        (
            "192.0.2.1 \t2023-11-14 22:00:00 + 600 = 2023-13-14 22:10:00",
            "list:1:40: ",
            "2023-13-14 22:10:00 is no date",
        ),
        ("jail,offender\nsshd,nobody\n", "list:2:6: ", "\"nobody\": this is not an IP address"),
        ("offender,until\n192.0.2.1,soon\n", "list:2:11: ", "is no end of a ban"),
        ("ip,expiration\n192.0.2.1,soon\n", "list:2:11: ", "3h59m40s"),
        (
            "[\n  \"192.0.2.1\",\n  \"nobody\"\n]",
            "list:3:",
            "\"nobody\": this is not an IP address",
        ),
        ("[{'sshd': [nobody]}]", "list:1:13: ", "expected"),
        ("{\"sshd\": 5}", "list:1:11: ", "\"sshd\" is not a jail with a list"),
        ("[{\"offender\": \"192.0.2.1\", \"until\": \"soon\"}]", "list:1:43: ", "unix seconds"),
        ("[5]", "list:1:2: ", "invalid type"),
    ] {
        let told = read(list).expect_err("a mistake");
        assert!(told.starts_with(place) && told.contains(part), "{list}: {told}");
        assert!(told.ends_with("\nnothing was done"), "{told}");
    }
}
