#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Installs what building and testing flowctl needs, and does nothing when it is there.
#
#     scripts/setup.sh            compiler, libraries, cmocka, bats and gnuplot
#     scripts/setup.sh --lint     also what make lint, make fuzz and CC=clang need
#     scripts/setup.sh --mpi      also Open MPI, for make MPI=yes, unless there is an MPI library
#     scripts/setup.sh --python   also the modules of Python, of $PYTHON or python3, with which some tests read and
#                                 write files; without them these tests are skipped
#
# Debian and Ubuntu: installs with apt (as root or through sudo). Elsewhere, and everywhere with SETUP=no, it only says
# which packages to install. With WAIT=SECONDS it says what it is going to install and, on a terminal, waits so long
# first; make check and make demo do that.
set -euo pipefail
cd "$(dirname "$0")/.."

lint=no with_mpi=no with_python=no
for option; do
    case $option in
        --lint) lint=yes ;;
        --mpi) with_mpi=yes ;;
        --python) with_python=yes ;;
        *)
            sed -n 's/^# \{0,1\}//p' "$0" | sed -n '3,14p'
            exit 2
            ;;
    esac
done
python=${PYTHON:-python3}

missing() {
    local tool
    scripts/probe.sh --missing
    for tool in make ar pkg-config bats gnuplot; do
        command -v "$tool" >/dev/null 2>&1 || echo "$tool"
    done
    if [ "$lint" = yes ]; then
        for tool in clang clang-tidy clang-format shellcheck cppcheck; do
            command -v "$tool" >/dev/null 2>&1 || echo "$tool"
        done
        if command -v clang >/dev/null 2>&1; then
            local file
            file=$(mktemp)
            printf '#include <stddef.h>\n#include <stdint.h>\n%s\n' \
                'int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n) { return d == NULL && n > 0; }' |
                clang -x c - -o "$file" -fsanitize=fuzzer,address,undefined 2>/dev/null || echo fuzzer
            rm -f "$file"
        fi
    fi
    if [ "$with_mpi" = yes ]; then
        command -v "${MPICC:-mpicc}" >/dev/null 2>&1 || echo mpicc
        command -v mpirun >/dev/null 2>&1 || echo mpirun
    fi
    if [ "$with_python" = yes ]; then
        local module
        for module in numpy h5py pandas tables; do
            "$python" -c "import $module" 2>/dev/null || echo "$module"
        done
    fi
}

words=$(missing)
# CC=clang asks for clang.
case ${CC:-gcc} in
    clang*) words=${words/#compiler/clang} ;;
esac
if [ -z "$words" ]; then
    exit 0
fi

# What each word is called: word, Debian and Ubuntu, Fedora, Homebrew ("-" where it comes with the system or with
# another line).
names='compiler gcc,libc6-dev gcc gcc
make make make make
ar binutils binutils -
pkg-config pkg-config pkgconf-pkg-config pkgconf
gsl libgsl-dev gsl-devel gsl
cblas libopenblas-dev openblas-devel openblas
cjson libcjson-dev cjson-devel cjson
hdf5 libhdf5-dev hdf5-devel hdf5
xsmm libxsmm-dev libxsmm-devel -
sleef libsleef-dev sleef-devel sleef
png libpng-dev libpng-devel libpng
zlib zlib1g-dev zlib-devel zlib
zstd libzstd-dev libzstd-devel zstd
random123 librandom123-dev Random123-devel -
cmocka libcmocka-dev libcmocka-devel cmocka
bats bats bats bats-core
gnuplot gnuplot-nox gnuplot-minimal gnuplot
clang clang,libclang-rt-dev clang,compiler-rt llvm
clang-tidy clang-tidy clang-tools-extra llvm
clang-format clang-format clang-tools-extra clang-format
fuzzer clang,libclang-rt-dev clang,compiler-rt llvm
shellcheck shellcheck ShellCheck shellcheck
cppcheck cppcheck cppcheck cppcheck
mpicc libopenmpi-dev openmpi-devel open-mpi
mpirun openmpi-bin openmpi open-mpi
numpy python3-numpy python3-numpy numpy
h5py python3-h5py python3-h5py -
pandas python3-pandas python3-pandas -
tables python3-tables python3-tables -'

# packages COLUMN WORDS... : what to install, sorted
packages() {
    local column=$1
    shift
    awk -v column="$column" -v words=" $* " '
        index(words, " " $1 " ") && $column != "-" { gsub(",", "\n", $column); print $column }' <<<"$names" | sort -u |
        tr '\n' ' ' | sed 's/ $//'
}

# shellcheck disable=SC2086  # one word each
if command -v apt-get >/dev/null 2>&1; then
    wanted=$(packages 2 $words)
    as_root=''
    if [ "${SETUP:-yes}" = no ]; then
        echo "These packages are missing. Install them and try again:" >&2
        echo "    sudo apt-get install --no-install-recommends $wanted" >&2
        exit 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            echo "These packages are missing; install them as root and try again:" >&2
            echo "    apt-get install $wanted" >&2
            exit 1
        fi
        as_root=sudo
    fi
    mkdir -p build/logs
    log=build/logs/setup.log
    echo "These packages are missing; ${as_root:+sudo }apt-get installs them in a minute or two (SETUP=no: not):"
    echo "    $wanted"
    if [ "${WAIT:-0}" -gt 0 ] && [ -t 1 ] && : 2>/dev/null </dev/tty; then
        echo "It begins in $WAIT seconds. Enter: begin now. Ctrl-C: do not."
        read -r -t "$WAIT" </dev/tty || true
    fi
    options='-q -y -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120'
    # A broken third-party source must not be in the way of what the others have.
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get $options update >"$log" 2>&1 ||
        echo "apt-get update had problems, see $log; going on." >&2
    known=''
    for package in $wanted; do
        if [ -n "$(apt-cache madison "$package" 2>/dev/null)" ]; then
            known="$known $package"
        else
            echo "This release has no package $package; going on without it." >&2
        fi
    done
    if ! $as_root env DEBIAN_FRONTEND=noninteractive apt-get $options install --no-install-recommends $known \
        >>"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "apt-get could not install them; the whole log is in $log." >&2
        exit 1
    fi
    # make looks at the libraries anew.
    rm -f build/config.mk build/setup.mk
    left=$(missing | tr '\n' ' ')
    case $left in
        '') echo "Everything is installed." ;;
        'xsmm ') echo "Everything is installed, but for libxsmm: OpenBLAS multiplies the matrices instead." ;;
        'xsmm zstd ')
            echo "Everything is installed, but for libxsmm (OpenBLAS multiplies the matrices instead) and libzstd"
            echo "(files that zstd compressed cannot be read)."
            ;;
        'zstd ') echo "Everything is installed, but for libzstd: files that zstd compressed cannot be read." ;;
        *)
            echo "Still missing after installing: $left" >&2
            [ "$with_python" = no ] ||
                echo "The modules of Python were installed for /usr/bin/python3; $(command -v "$python") is asked." >&2
            exit 1
            ;;
    esac
    exit 0
fi

# shellcheck disable=SC2086
{
    echo "flowctl needs these here: $(tr '\n' ' ' <<<"$words")"
    if command -v dnf >/dev/null 2>&1; then
        echo "Install them with"
        echo "    sudo dnf install $(packages 3 $words)"
    elif command -v brew >/dev/null 2>&1; then
        echo "Install them with"
        echo "    brew install $(packages 4 $words)"
        [ "$with_python" = no ] || echo "    $python -m pip install h5py pandas tables"
        case " $(tr '\n' ' ' <<<"$words")" in
            *' random123 '*)
                echo "Homebrew has no package for Random123, which is headers only:"
                echo "    git clone --depth 1 https://github.com/DEShawResearch/random123"
                echo "    cp -R random123/include/Random123 \"\$(brew --prefix)/include/\""
                ;;
        esac
    else
        echo "Only apt, dnf and Homebrew are known to this script."
        echo "The libraries are GSL, OpenBLAS (or any CBLAS), cJSON, HDF5, SLEEF, libpng, zlib,"
        echo "libzstd, Random123 and, on x86-64, libxsmm; the tests need cmocka and bats."
    fi
    echo "then try again."
} >&2
exit 1
