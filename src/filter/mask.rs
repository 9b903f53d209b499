//! A line as it may be kept and shown: without passwords, on one line, not too long.
//!
//! What people type as a password stands in many logs, and often it is one: of another account, or
//! with one letter wrong. A line that is kept must not carry it on. Where it is not certain where a
//! password ends, more is hidden rather than less.

use std::borrow::Cow;

/// A line is cut behind so many bytes.
pub const TEXT_BYTES_MAX: usize = 512;

/// What may stand before the credentials.
const SCHEMES: [&str; 6] = ["Basic", "Bearer", "Digest", "Negotiate", "NTLM", "Token"];

/// What stands where a secret was.
const MASK: &str = "***";

/// Behind these a password stands. Longer words that end so, such as `userPassword`, count too.
const WORDS: [&str; 5] = ["password", "passwd", "passphrase", "pass", "pwd"];

const AUTHORIZATION: &str = "authorization";

/// Writes `text` behind what is in `out`, at most [`TEXT_BYTES_MAX`] bytes and `…`: control characters are
/// escaped, and what is a password by the words around it is `***`, as is what the filter has
/// `caught` as one (`<F-PASS>`, `<F-PASSWORD>`).
pub fn mask<'c>(
    text: &str,
    caught: impl Iterator<Item = (&'c str, Cow<'c, str>)>,
    out: &mut String,
) {
    let text = text.trim_end_matches(['\r', '\n']);
    let secrets = caught.filter(|(group, value)| is_secret(group) && !value.is_empty());
    let text = secrets
        .fold(Cow::Borrowed(text), |text, (_, secret)| Cow::Owned(text.replace(&*secret, MASK)));
    mask_by_words(&text, out);
}

/// Whether a group of this name catches a password.
fn is_secret(group: &str) -> bool {
    ["pass", "pwd"].iter().any(|word| group.contains(word))
}

fn mask_by_words(text: &str, out: &mut String) {
    let most = out.len() + TEXT_BYTES_MAX;
    let mut at = 0;
    while let Some(rest) = text.as_bytes().get(at..).filter(|rest| !rest.is_empty()) {
        let plain = rest.iter().position(|byte| is_notable(*byte)).unwrap_or(rest.len());
        if plain > 0 {
            out.push_str(&text[at..at + plain]);
            at += plain;
        } else if let Some(Secret { start, end }) = secret(text, at) {
            text[at..start].chars().for_each(|c| push(c, out));
            out.push_str(MASK);
            at = end;
        } else if let Some(next) = text[at..].chars().next() {
            push(next, out);
            at += next.len_utf8();
        }
        if out.len() > most {
            out.truncate(out.floor_char_boundary(most));
            out.push('…');
            return;
        }
    }
}

/// Whether a secret may begin with this byte, or it is not shown as it is.
fn is_notable(byte: u8) -> bool {
    matches!(byte, b'/' | b'a' | b'A' | b'p' | b'P') || !matches!(byte, b' '..=b'~')
}

fn push(c: char, out: &mut String) {
    if c.is_control() { out.extend(c.escape_default()) } else { out.push(c) }
}

/// Where a secret stands, in bytes.
struct Secret {
    start: usize,
    end: usize,
}

/// The secret that what begins at `at` leads to.
fn secret(text: &str, at: usize) -> Option<Secret> {
    let rest = &text.as_bytes()[at..];
    let found = match rest.first()? {
        b'/' if rest.starts_with(b"//") => userinfo(text, at + 2),
        b'a' | b'A' if begins(rest, AUTHORIZATION) => authorization(text, at + AUTHORIZATION.len()),
        b'p' | b'P' => {
            let word = WORDS.iter().find(|word| begins(rest, word))?;
            password(text, at, at + word.len())
        }
        _ => None,
    };
    found.filter(|secret| secret.end > secret.start)
}

fn begins(rest: &[u8], word: &str) -> bool {
    rest.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
}

/// `//user:secret@host` (RFC 3986, 3.2.1).
fn userinfo(text: &str, start: usize) -> Option<Secret> {
    let rest = &text[start..];
    let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>');
    let authority = &rest[..rest.find(ends).unwrap_or(rest.len())];
    let (user, _) = authority.split_once(':')?;
    let end = authority.rfind('@').filter(|end| *end > user.len())?;
    Some(Secret { start: start + user.len() + 1, end: start + end })
}

/// `Authorization: Basic secret` (RFC 9110, 11.6.2). The scheme is no secret, if it is a known one.
fn authorization(text: &str, behind: usize) -> Option<Secret> {
    let start = separator(text, behind)?;
    let start = quote(text, start).map_or(start, |quote| quote.behind);
    let rest = &text[start..];
    let (scheme, credentials) = rest.split_once(' ').unwrap_or((rest, ""));
    let behind_scheme = text.len() - credentials.trim_start().len();
    let ends = ['"', '\'', '`', '\\'];
    if SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Some(bare(text, behind_scheme, &ends));
    }
    let alone = bare(text, start, &ends);
    let is_alone = alone.end < start + scheme.len();
    let end = if is_alone { alone.end } else { bare(text, behind_scheme, &ends).end };
    Some(Secret { start, end })
}

/// What stands behind the word for a password, which begins at `word` and ends before `behind`.
fn password(text: &str, word: usize, behind: usize) -> Option<Secret> {
    if let Some(start) = separator(text, behind) {
        return Some(match quote(text, start) {
            Some(quote) => quote.secret(text),
            None if in_parentheses(text, word) => enclosed(text, start),
            None => bare(text, start, &[]),
        });
    }
    let start = skip_blanks(text, behind);
    if start == behind {
        return None;
    }
    match quote(text, start) {
        Some(quote) => Some(quote.secret(text)),
        None => is_given(text, word).then(|| bare(text, start, &[])),
    }
}

/// Where the value begins behind `:`, `=`, `=>` or `:=`; the word may be in quotes, as in JSON.
fn separator(text: &str, behind: usize) -> Option<usize> {
    let key_ends = quote(text, behind).map_or(behind, |quote| quote.behind);
    let sign = skip_blanks(text, key_ends);
    let signs = text[sign..].len() - text[sign..].trim_start_matches([':', '=', '>']).len();
    (signs > 0 && !text[sign..].starts_with('>')).then(|| skip_blanks(text, sign + signs))
}

fn skip_blanks(text: &str, at: usize) -> usize {
    text.len() - text[at..].trim_start().len()
}

/// Whether it is said that this password was given: `given password secret`.
fn is_given(text: &str, word: usize) -> bool {
    let before = text[..word].trim_end().as_bytes();
    before.len() >= 5 && before[before.len() - 5..].eq_ignore_ascii_case(b"given")
}

/// Whether a parenthesis was opened right before the word, or before `given`.
fn in_parentheses(text: &str, word: usize) -> bool {
    let before = text[..word].trim_end_matches(|c: char| c.is_alphanumeric() || c == ' ');
    before.ends_with('(')
}

/// A secret that ends at the next blank, comma or parenthesis, or at one of `ends`.
fn bare(text: &str, start: usize, ends: &[char]) -> Secret {
    let is_end = |c: char| c.is_whitespace() || matches!(c, ',' | ')') || ends.contains(&c);
    let end = text[start..].find(is_end).map_or(text.len(), |length| start + length);
    Secret { start, end }
}

/// A secret in parentheses without quotes. Whatever it holds, the last one that closes is not its.
fn enclosed(text: &str, start: usize) -> Secret {
    let end = text[start..].rfind(')').map_or(text.len(), |length| start + length);
    Secret { start, end }
}

/// A quotation mark, with the backslashes before it that stand in JSON within JSON.
struct Quote {
    mark: char,
    escapes: usize,
    behind: usize,
}

fn quote(text: &str, at: usize) -> Option<Quote> {
    let escapes = text[at..].len() - text[at..].trim_start_matches('\\').len();
    let mark = text[at + escapes..].chars().next()?;
    matches!(mark, '\'' | '"' | '`').then_some(Quote { mark, escapes, behind: at + escapes + 1 })
}

impl Quote {
    /// What is quoted: up to a mark that is not escaped, and behind which a value can end. One that
    /// is never closed goes to the end of the line.
    fn secret(&self, text: &str) -> Secret {
        let quoted = &text[self.behind..];
        let closes = |at: usize| {
            let before = &quoted[..at];
            let escapes = before.len() - before.trim_end_matches('\\').len();
            let next = quoted[at + 1..].chars().next();
            escapes <= self.escapes && next.is_none_or(|c| !c.is_alphanumeric() && c != self.mark)
        };
        let end = quoted.match_indices(self.mark).map(|(at, _)| at).find(|at| closes(*at));
        // The mark that closes may have fewer backslashes than the one that opens, and none of what
        // stands before these is to be seen.
        let end = end.map_or(quoted.len(), |end| quoted[..end].trim_end_matches('\\').len());
        Secret { start: self.behind, end: self.behind + end }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked(text: &str) -> String {
        let mut out = String::new();
        mask(text, std::iter::empty(), &mut out);
        out
    }

    #[test]
    fn what_a_filter_has_caught_as_a_password_is_hidden_wherever_it_stands() {
        let caught = [("user", "bob"), ("pass", "s3cret"), ("password_1", "")];
        let caught = caught.into_iter().map(|(group, value)| (group, value.into()));
        let mut out = String::new();
        mask("bob tried s3cret, and s3cret again", caught, &mut out);
        assert_eq!(out, "bob tried ***, and *** again");
    }

    #[test]
    fn passwords_are_hidden_in_every_form_in_which_logs_have_them() {
        for (line, shown) in [
            (r"pass \'secré' 1", r"pass \'***' 1"),
            // The seeds, and our own samples.
            (
                "password fail (pass: 'dasdas') bob@a.xy:1.2.3.4",
                "password fail (pass: '***') bob@a.xy:1.2.3.4",
            ),
            ("Password mismatch (given password: aaa)", "Password mismatch (given password: ***)"),
            ("(given password: x,192.0.2.66): Password mismatch)", "(given password: ***)"),
            ("(SHA1 of given password: f638ff)", "(SHA1 of given password: ***)"),
            ("(given password: my own one)", "(given password: ***)"),
            // Signs and quotes.
            ("user=bob password=secret ip=1.2.3.4", "user=bob password=*** ip=1.2.3.4"),
            ("user=bob, passwd = secret, ip=1.2.3.4", "user=bob, passwd = ***, ip=1.2.3.4"),
            ("PASS: secret", "PASS: ***"),
            ("wrong password 'se cret' for bob", "wrong password '***' for bob"),
            ("wrong pwd \"it's me\" for bob", "wrong pwd \"***\" for bob"),
            ("password='it's me' for bob", "password='***' for bob"),
            ("password='never closed for bob", "password='***"),
            ("given password secret for bob", "given password *** for bob"),
            ("passphrase => secret", "passphrase => ***"),
            // JSON, and JSON in JSON.
            (
                r#"{"user":"bob","password":"se\"cret","ip":"::1"}"#,
                r#"{"user":"bob","password":"***","ip":"::1"}"#,
            ),
            (r#"{"userPassword" : "secret"}"#, r#"{"userPassword" : "***"}"#),
            (
                r#"{"body":"{\"pass\":\"secret\",\"a\":1}"}"#,
                r#"{"body":"{\"pass\":\"***\",\"a\":1}"}"#,
            ),
            // URLs and headers.
            ("GET https://bob:secret@example.com/x", "GET https://bob:***@example.com/x"),
            ("GET //bob:se@cret@example.com/x?a=b", "GET //bob:***@example.com/x?a=b"),
            ("POST /login?user=bob&pass=secret 401", "POST /login?user=bob&pass=*** 401"),
            ("Authorization: Basic Ym9iOnNlY3JldA== 401", "Authorization: Basic *** 401"),
            (
                "\"Proxy-Authorization: Bearer ey.J.x\" 407",
                "\"Proxy-Authorization: Bearer ***\" 407",
            ),
            (r#"{"authorization":"Bearer abc"}"#, r#"{"authorization":"Bearer ***"}"#),
            ("authorization=token-alone 401", "authorization=***"),
            ("\"authorization\":\"token\", \"a\": 1", "\"authorization\":\"***\", \"a\": 1"),
        ] {
            assert_eq!(masked(line), shown, "{line}");
        }
    }

    #[test]
    fn what_is_no_password_stays() {
        for line in [
            "Failed password for root from 203.0.113.5 port 22 ssh2",
            "password check failed for user (root)",
            "auth: passwd-file(ann,203.0.113.5): unknown user",
            "GET https://example.com:8080/a@b HTTP/1.1",
            "pam_unix(sshd:auth): authentication failure; rhost=203.0.113.5 user=bob",
            "Password mismatch",
            "password=",
        ] {
            assert_eq!(masked(line), line);
        }
    }

    #[test]
    fn a_line_is_one_line_and_not_too_long() {
        assert_eq!(masked("a\tb\u{1b}[31m\n"), "a\\tb\\u{1b}[31m");
        let long = masked(&"ä".repeat(1000));
        assert_eq!(long.len(), TEXT_BYTES_MAX + '…'.len_utf8());
        let cut = masked(&format!("{} password={}", "x".repeat(490), "secret".repeat(20)));
        assert!(!cut.contains("secret"), "{cut}");
    }

    proptest! {
        #[test]
        fn nothing_breaks_and_every_line_is_bounded(text in "\\PC{0,40}(pass|//|authorization)?[\\\\\"':=@( é]{0,8}\\PC{0,700}") {
            let shown = masked(&text);
            prop_assert!(shown.len() <= TEXT_BYTES_MAX + '…'.len_utf8());
            prop_assert!(!shown.chars().any(char::is_control));
        }

        #[test]
        fn a_bare_secret_never_comes_out(
            before in "[a-z:=\"'( ]{0,12}",
            word in "(given )?([Pp]assword|PASSWD|passphrase|Pass|pwd)",
            sign in " ?(:|=|=>) ?",
            secret in "Q[^\\s,)'\"`\\\\]{6,20}",
            after in "( .{0,20})?",
        ) {
            let line = format!("{before}{word}{sign}{secret}{after}");
            prop_assert!(!masked(&line).contains(&secret), "{}", masked(&line));
        }

        #[test]
        fn a_secret_in_parentheses_never_comes_out(
            word in "(given )?(password|pass)",
            secret in "Q[^'\"`\\\\\\p{Cc}]{6,30}",
        ) {
            let line = format!("mismatch ({word}: {secret})");
            prop_assert!(!masked(&line).contains(secret.trim()), "{}", masked(&line));
        }

        #[test]
        fn a_quoted_secret_never_comes_out(
            word in "(password|passwd|pass|pwd)",
            sign in "( ?[:=] ?| )",
            mark in "['\"`]",
            secret in "Q[^'\"`\\\\\\p{Cc}]{6,30}",
            after in "( .{0,20})?",
        ) {
            let line = format!("{word}{sign}{mark}{secret}{mark}{after}");
            prop_assert!(!masked(&line).contains(&secret), "{}", masked(&line));
        }

        #[test]
        fn a_secret_in_a_url_never_comes_out(secret in "Q[^\\s/?#\"'<>]{6,20}") {
            let line = format!("GET https://bob:{secret}@example.com/ HTTP/1.1");
            prop_assert!(!masked(&line).contains(&secret), "{}", masked(&line));
        }

        #[test]
        fn credentials_never_come_out(
            scheme in "(Basic|Bearer|Digest) ",
            secret in "[A-Za-z0-9+/._~-]{8,40}={0,2}",
        ) {
            let line = format!("\"Authorization: {scheme}{secret}\" 401");
            prop_assert!(!masked(&line).contains(&secret), "{}", masked(&line));
        }
    }
}
