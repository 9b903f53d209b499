use super::toml;

#[test]
fn toml_strings_say_what_they_are_to_say() {
    let texts = [
        "",
        r"^a\d+ <HOST>$",
        "it's",
        "'''",
        "ends with '",
        "\nbegins",
        "two\nlines",
        "two\r\nlines",
        "tab\tand bell\u{7}",
        "\"\\",
        "é\u{85}\u{7f}",
    ];
    for text in texts {
        for written in [toml::string(text), toml::basic(text)] {
            let document = format!("key = {written}\n");
            let read: ::toml::Table = document.parse().expect("valid TOML");
            assert_eq!(read["key"].as_str(), Some(text), "{written}");
        }
    }
}
