# SPDX-License-Identifier: GPL-3.0-or-later
#
# For scripts with single-letter options: sourced, not run.

# read_options "j=threads n=pairs" "$@": sets the variables of the options that are given; the rest begins at OPTIND:
#     shift $((OPTIND - 1))
# An unknown option ends the script with status 2.
read_options() {
    local pairs=$1 letters='' pair letter
    shift
    for pair in $pairs; do
        letters+=${pair%%=*}:
    done
    while getopts "$letters" letter; do
        [ "$letter" != '?' ] || exit 2
        for pair in $pairs; do
            [ "${pair%%=*}" != "$letter" ] || printf -v "${pair#*=}" '%s' "$OPTARG"
        done
    done
}

# Prints the first lines of the comment at the head of a script, and ends it with status 2.
usage() {
    sed -n 's/^# \{0,1\}//p' "$0" | sed -n '4,6p'
    exit 2
}
