#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
#     scripts/cookbook.sh [-q] [-k FOLDER] [PAGE...]      what `make cookbook` does
#
# Runs the recipes of docs/cookbook/: the sh blocks of each PAGE (all by default), one after the other, in a folder of
# its own, and looks whether they hold what the page says. A comment of the page
#     <!-- holds: NAME < 0.02, quick < 0.5 -->
# is about the number behind the word NAME in what was printed; the second bound is that of a quick run. -q is such a
# run: trainings have as many epochs as the comment <!-- quick: 4 epochs --> says, which ends within seconds, and tests
# whether the commands work, but not what they reach. -k keeps the folders in FOLDER. $FLOWCTL is the program.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd) || exit
quick=no kept=
while getopts 'qk:' letter; do
    case $letter in
        q) quick=yes ;;
        k) kept=$OPTARG ;;
        *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- "$root"/docs/cookbook/[0-9]*.md
real=${FLOWCTL:-$root/build/flowctl}
world=${kept:-$(mktemp -d)}
mkdir -p "$world/bin" && world=$(cd "$world" && pwd) || exit
[ -n "$kept" ] || trap 'rm -rf "$world"' EXIT

# The program, with short trainings in a quick run, and pkg-config for a library that is not installed.
cat >"$world/bin/flowctl" <<SH
#!/usr/bin/env bash
case \${EPOCHS:-}:\$1 in
    :*) exec "$real" "\$@" ;;
    *:train) exec "$real" "\$@" --set train.epochs="\$EPOCHS" ;;
    *:tune) exec "$real" "\$@" --trials 2 --epochs 1 ;;
    *) exec "$real" "\$@" ;;
esac
SH
chmod +x "$world/bin/flowctl"
cat >"$world/bin/flowctl.pc" <<PC
Name: flowctl
Description: flowctl
Version: 0
Cflags: -I$root/lib
Libs: -L$root/build -lflowctl
PC
export PATH=$world/bin:$PATH PKG_CONFIG_PATH=$world/bin LC_ALL=C

# holds OUTPUT NAME OPERATOR BOUND
holds() {
    awk -v name="$2" -v operator="$3" -v bound="$4" '
        { for (i = 1; i < NF; i++) if ($i == name) { value = $(i + 1); found = 1 } }
        END {
            if (!found) { printf "        there is no \"%s\" in what was printed\n", name; exit 1 }
            good = value ~ /^[-+]?[0-9.]/ && (operator == "<" ? value + 0 < bound + 0 : value + 0 > bound + 0)
            printf "    %s %s %s %s %s\n", good ? "   " : "not", name, value, operator, bound
            exit !good
        }' "$1"
}

failed=0
for page; do
    name=$(basename "$page" .md)
    folder=$world/$name
    rm -rf "$folder"
    mkdir "$folder" && cp -r "$root/data" "$root/configs" "$folder" || exit
    EPOCHS=
    [ $quick = no ] || EPOCHS=$(sed -n 's/^<!-- quick: \([0-9]*\) epochs\{0,1\} -->$/\1/p' "$page")
    export EPOCHS
    begin=$SECONDS
    "$root/scripts/code_blocks.sh" sh "$page" >"$folder/commands.sh"
    (cd "$folder" && bash -euo pipefail commands.sh) >"$folder/printed" 2>&1
    status=$?
    printf '%s: %s s\n' "$name" $((SECONDS - begin))
    [ $quick = yes ] || sed 's/^/    | /' "$folder/printed"
    if [ $status -ne 0 ]; then
        echo "    the commands ended with status $status"
        [ $quick = no ] || tail -n 12 "$folder/printed" | sed 's/^/    | /'
        failed=1
        continue
    fi
    n=0
    while read -r _ _ word operator bound _ quick_operator quick_bound _; do
        n=$((n + 1))
        if [ $quick = yes ]; then operator=$quick_operator bound=$quick_bound; fi
        holds "$folder/printed" "$word" "$operator" "${bound%,}" || failed=1
    done < <(grep '^<!-- holds: ' "$page")
    [ $n -gt 0 ] || { echo "    $page says nothing that could be looked at" && failed=1; }
done
exit $failed
