# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# shellcheck disable=SC2207 # names with blanks are not completed as two, since IFS is a newline where names are split
#
# Completion of flowctl for bash: commands, options, files by their kind, words, and the keys of --set.

@TABLE@

# _flowctl_files: files and folders that begin with the current word
_flowctl_files() {
    local IFS=$'\n'
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$1"))
}

# Folders, specs, and HDF5 files that begin as models do.
_flowctl_models() {
    local IFS=$'\n' file head
    compopt -o filenames 2>/dev/null
    COMPREPLY=()
    for file in $(compgen -f -- "$1"); do
        if [ -d "$file" ] || [ "${file%.json}" != "$file" ]; then
            COMPREPLY+=("$file")
        elif [ -f "$file" ] && [ -r "$file" ]; then
            LC_ALL=C IFS= read -r -N 13 head <"$file" 2>/dev/null
            [ "$head" != flowctl-model ] || COMPREPLY+=("$file")
        fi
    done
}

# _flowctl_complete KIND WORD
_flowctl_complete() {
    case $1 in
        value) COMPREPLY=() ;;
        model) _flowctl_models "$2" ;;
        spec | file) _flowctl_files "$2" ;;
        key)
            compopt -o nospace 2>/dev/null
            COMPREPLY=($(compgen -S = -W "$(_flowctl_keys | cut -d' ' -f1)" -- "$2"))
            ;;
        *) COMPREPLY=($(compgen -W "${1//|/ }" -- "$2")) ;;
    esac
}

# The kind of the value of option $2 in the table of command $1; fails if it takes none.
_flowctl_kind() {
    local row
    for row in $(_flowctl_table "$1"); do
        if [ "${row%%:*}" = "$2" ] && [ "$row" != "$2" ]; then
            echo "${row#*:}"
            return 0
        fi
    done
    return 1
}

# The kind of argument number $2, counted from 0, of command $1.
_flowctl_argument() {
    local row n=0
    for row in $(_flowctl_table "$1"); do
        case $row in
            @*+)
                row=${row#@}
                echo "${row%+}"
                return
                ;;
            @*)
                [ "$n" -ne "$2" ] || echo "${row#@}"
                n=$((n + 1))
                ;;
        esac
    done
}

_flowctl() {
    # bash takes "=" for a word of its own: KEY=VALUE, --option=value
    local cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]-} option key='' at kind n=0 row
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "$_flowctl_commands --version --help" -- "$cur"))
        return
    fi
    option=${COMP_WORDS[COMP_CWORD - 1]}
    if [ "$cur" = = ]; then
        cur=''
        at=$((COMP_CWORD - 1))
    elif [ "$option" = = ]; then
        at=$((COMP_CWORD - 2))
    else
        at=$COMP_CWORD
    fi
    if [ "$at" -ne "$COMP_CWORD" ]; then
        option=${COMP_WORDS[at]}
        if [ "${COMP_WORDS[at - 1]-}" = = ]; then # --set=KEY=VALUE
            key=$option
            option=${COMP_WORDS[at - 2]-}
        elif [ "${option#-}" = "$option" ]; then # --set KEY=VALUE
            key=$option
            option=${COMP_WORDS[at - 1]-}
        fi
    fi
    if kind=$(_flowctl_kind "$command" "$option"); then
        if [ "$kind" = key ] && [ -n "$key" ]; then
            COMPREPLY=($(compgen -W "$(_flowctl_keys | sed -n "s/^$key //p")" -- "$cur"))
        else
            _flowctl_complete "$kind" "$cur"
        fi
        return
    fi
    if [ "${cur#-}" != "$cur" ] && [ "$cur" != - ] || [ "$cur" = - ]; then
        for row in $(_flowctl_table "$command"); do
            case $row in
                --*) COMPREPLY+=($(compgen -W "${row%%:*}" -- "$cur")) ;;
            esac
        done
        return
    fi
    for ((at = 2; at < COMP_CWORD; at++)); do
        case ${COMP_WORDS[at]} in
            =) at=$((at + 1)) ;;
            -?*) [ "${COMP_WORDS[at + 1]}" = = ] || ! _flowctl_kind "$command" "${COMP_WORDS[at]}" >/dev/null ||
                at=$((at + 1)) ;;
            *) n=$((n + 1)) ;;
        esac
    done
    kind=$(_flowctl_argument "$command" "$n")
    [ -z "$kind" ] || _flowctl_complete "$kind" "$cur"
}
complete -F _flowctl flowctl
