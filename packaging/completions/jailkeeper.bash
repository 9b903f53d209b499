# Completion of jailkeeper(1) for bash. The program itself knows what to offer.

source <(JAILKEEPER_COMPLETE=bash jailkeeper)

# Bash takes a colon for the end of a word, and IPv6 addresses are full of them: the words are put
# together for the program, and what is typed already is cut off what it offers.
_jailkeeper() {
    local cur prev words cword
    _get_comp_words_by_ref -n : cur prev words cword
    local COMP_WORDS=("${words[@]}") COMP_CWORD=$cword
    _clap_complete_jailkeeper jailkeeper "$cur" "$prev"
    __ltrim_colon_completions "$cur"
}

if declare -F _get_comp_words_by_ref > /dev/null; then
    complete -o nospace -o bashdefault -o nosort -F _jailkeeper jailkeeper
fi
