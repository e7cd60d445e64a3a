# SPDX-License-Identifier: GPL-3.0-or-later
#
# Completion of flowctl for fish.

function __flowctl_needs_command
    not __fish_seen_subcommand_from $__flowctl_commands help
end

# Model files and specs, by their names.
function __flowctl_models
    __fish_complete_suffix .h5
    __fish_complete_suffix .json
end

# KEY=VALUE: the keys of a spec, and behind "=" the words that a key takes
function __flowctl_settings
    set -l word (commandline -ct)
    if string match -q '*=*' -- $word
        set -l key (string split -m 1 = -- $word)[1]
        set key (string replace -r '^--set=' '' -- $key)
        set -l words (string split -n ' ' -- (string match -r "^$key .*" -- (__flowctl_keys)))
        for value in $words[2..-1]
            echo $key=$value
        end
    else
        for line in (__flowctl_keys | string split \n)
            test -n "$line"; and echo (string split ' ' -- $line)[1]=
        end
    end
end

@TABLE@
complete -c flowctl -n __flowctl_needs_command -f -a help -d 'show the options of a command'
complete -c flowctl -n __flowctl_needs_command -f -l version -d 'show the version and the libraries in use'
complete -c flowctl -n '__fish_seen_subcommand_from help' -f -a "$__flowctl_commands"
