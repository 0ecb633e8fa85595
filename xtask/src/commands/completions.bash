# `cargo` may have a completion function already: what is not `cargo xtask` goes there.
_xtask_before=$(complete -p cargo 2>/dev/null | sed -n 's/.*-F \([^ ]*\) .*/\1/p')
[ "$_xtask_before" = _xtask_of_cargo ] && _xtask_before=
_xtask_of_cargo() {
    if [ "${COMP_WORDS[1]}" = xtask ] && [ "$COMP_CWORD" -gt 1 ]; then
        COMP_WORDS=(xtask "${COMP_WORDS[@]:2}")
        COMP_CWORD=$((COMP_CWORD - 1))
        _xtask xtask "$2" "$3"
    elif [ -n "$_xtask_before" ]; then
        "$_xtask_before" "$@"
    elif [ "$COMP_CWORD" = 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "xtask build check clippy doc fmt run test" -- "$2")
    fi
}
complete -F _xtask_of_cargo -o bashdefault -o default cargo
