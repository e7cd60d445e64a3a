#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
#     scripts/make_pages.sh PAGES FOLDER VERSION
#
# Writes what `make install` puts into share/: man pages, and completion for bash, zsh and fish. PAGES is the program
# build/pages. The man pages have the date of scripts/source_date.sh.
set -euo pipefail
cd "$(dirname "$0")/.."
pages=$1 share=$2 version=$3

epoch=$(scripts/source_date.sh)
day=$(date -u -d "@$epoch" +%Y-%m-%d 2>/dev/null || date -u -r "$epoch" +%Y-%m-%d)

# Breaks the lines of text as troff wants them, and leaves macros and examples as they are.
wrap() {
    awk '
        /^\.nf/ { plain = 1 }
        /^\.fi/ { plain = 0 }
        plain || /^\./ || length($0) <= 66 { sub(/ +$/, ""); print; next }
        {
            line = ""
            for (i = 1; i <= NF; i++) {
                if (line != "" && length(line) + 1 + length($i) > 66) {
                    print line
                    line = $i ~ /^[.\047]/ ? "\\&" $i : $i
                } else {
                    line = line (line == "" ? "" : " ") $i
                }
            }
            print line
        }'
}

rm -rf "$share"
man1=$share/man/man1 man5=$share/man/man5
mkdir -p "$man1" "$man5" "$share/bash-completion/completions" "$share/zsh/site-functions" \
    "$share/fish/vendor_completions.d"
for name in $("$pages" list); do
    "$pages" man "$name" "$version" "$day" | wrap >"$man1/flowctl-$name.1"
done
# The notes are what stands above the commands on their page.
{
    "$pages" man "$version" "$day"
    echo '.SH NOTES'
    sed '/^## /,$d' docs/commands.md | tail -n +4 | awk -f scripts/markdown_man.awk
} | wrap >"$man1/flowctl.1"
{
    echo '.\" Made from docs/spec.md; changes belong there.'
    echo ".TH FLOWCTL-SPEC 5 $day \"flowctl $version\" \"File Formats\""
    echo '.SH NAME'
    echo 'flowctl-spec \- the JSON file that says what flowctl trains'
    echo '.SH DESCRIPTION'
    awk -f scripts/markdown_man.awk docs/spec.md
    printf '.SH SEE ALSO\n.BR flowctl (1),\n'
    printf '.BR flowctl\\-train (1),\n.BR flowctl\\-check (1),\n.BR flowctl\\-init (1)\n'
} | wrap >"$man5/flowctl-spec.5"
"$pages" bash <pages/completion.bash >"$share/bash-completion/completions/flowctl"
"$pages" zsh <pages/completion.zsh >"$share/zsh/site-functions/_flowctl"
"$pages" fish <pages/completion.fish >"$share/fish/vendor_completions.d/flowctl.fish"
