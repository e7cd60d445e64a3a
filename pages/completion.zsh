#compdef flowctl
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Completion of flowctl for zsh.

local -a _flowctl_commands _flowctl_keys
@TABLE@

_flowctl_models() {
    _files -g '*.(h5|hdf5|json)(-.)'
}

# KEY=VALUE: the keys of a spec, and behind "=" the words that a key takes
_flowctl_settings() {
    local key words
    if compset -P '*='; then
        key=${IPREFIX%=}
        key=${key##*[= ]}
        words=(${=${_flowctl_keys[(r)$key *]}})
        compadd -- ${words[2,-1]}
    else
        compadd -S '=' -- ${_flowctl_keys%% *}
    fi
}

if ((CURRENT == 2)); then
    _describe command _flowctl_commands
else
    local command=$words[2]
    shift words
    ((CURRENT--))
    _flowctl_options $command
fi
