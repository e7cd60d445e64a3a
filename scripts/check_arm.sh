#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
#     scripts/check_arm.sh [FOLDER]
#
# Compiles flowctl for 64-bit ARM and runs tests of its kernels, and a training, in an emulation of processors with NEON
# alone and with SVE. Needs, on Debian, gcc-aarch64-linux-gnu and qemu-user, and a while. The libraries for ARM are
# downloaded as packages and unpacked in FOLDER (build/arm); no package is installed. $TESTS names other tests, and
# $SVE_TESTS those for SVE.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-build/arm}
mirror=${MIRROR:-http://deb.debian.org/debian}
release=${RELEASE:-bookworm}
tests=${TESTS:-unit_num unit_row_products unit_spline unit_mixture unit_assignment unit_pareto unit_nn}
sve_tests=${SVE_TESTS:-unit_num unit_row_products unit_mixture}
for tool in aarch64-linux-gnu-gcc qemu-aarch64 apt-get dpkg-deb; do
    if ! command -v "$tool" >/dev/null; then
        echo "There is no $tool here: install the packages gcc-aarch64-linux-gnu and qemu-user." >&2
        exit 1
    fi
done
mkdir -p "$folder/tree" "$folder/apt/lists/partial" "$folder/apt/cache/archives/partial"
folder=$(cd "$folder" && pwd)
root=$folder/root

# ---- the libraries, by an apt that knows of ARM alone ----
if [ ! -d "$root" ]; then
    : >"$folder/apt/status"
    echo "deb $mirror $release main" >"$folder/apt/sources.list"
    cat >"$folder/apt/apt.conf" <<END
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Install-Recommends "false";
Dir::State "$folder/apt";
Dir::State::status "$folder/apt/status";
Dir::State::lists "$folder/apt/lists";
Dir::Cache "$folder/apt/cache";
Dir::Etc::sourcelist "$folder/apt/sources.list";
Dir::Etc::sourceparts "-";
Debug::NoLocking "true";
END
    export APT_CONFIG=$folder/apt/apt.conf
    apt-get -q update
    apt-get -q -y --download-only install libc6-dev libgcc-12-dev libgsl-dev libopenblas-pthread-dev libcjson-dev \
        libhdf5-dev libsleef-dev libpng-dev zlib1g-dev libzstd-dev librandom123-dev libcmocka-dev
    for package in "$folder"/apt/cache/archives/*.deb; do
        dpkg-deb -x "$package" "$root.new"
    done
    find "$root.new" -type l -lname '/*' | while read -r link; do
        ln -sfn "$root$(readlink "$link")" "$link"
    done
    mv "$root.new" "$root"
fi

# ---- the program, in a copy of the sources ----
libraries=/usr/lib/aarch64-linux-gnu
blas=$libraries/openblas-pthread
# Files keep their times, so that a second run compiles only what has changed.
git ls-files -z --cached --others --exclude-standard | tar --null -T - -c | tar -x -C "$folder/tree"
cd "$folder/tree"
export PKG_CONFIG_SYSROOT_DIR=$root
export PKG_CONFIG_LIBDIR=$root$libraries/pkgconfig:$root$blas/pkgconfig:$root/usr/share/pkgconfig
export MPICC=none
# shellcheck disable=SC2086  # one word each
read -ra programs <<<"build/flowctl $(printf 'build/test/%s\n' $tests $sve_tests | sort -u | tr '\n' ' ')"
${MAKE:-make} -j2 SETUP=no CC="aarch64-linux-gnu-gcc --sysroot=$root" \
    LDFLAGS="-Wl,-rpath-link,$root$libraries:$root$blas" "${programs[@]}"

# ---- the tests ----
# check PROCESSOR KERNELS TEST...: the processor, by its name in qemu, must choose these kernels.
check() {
    local run=(qemu-aarch64 -cpu "$1" -L "$root" -E "LD_LIBRARY_PATH=$libraries:$blas") kernels=$2 test
    shift 2
    "${run[@]}" build/flowctl --version | tee build/version.txt
    grep -q "^vector kernels *$kernels\$" build/version.txt
    for test; do
        "${run[@]}" "build/test/$test"
    done
    "${run[@]}" build/flowctl train configs/moons.json -o build/model.h5 --force --threads 1 --set train.epochs=1
    "${run[@]}" build/flowctl sample build/model.h5 -n 5
}
# shellcheck disable=SC2086  # one word each
{
    check cortex-a72 NEON $tests
    # Vectors of 16, 32 and 64 bytes; 16 are left to NEON.
    check max,sve-default-vector-length=16 NEON
    check max,sve-default-vector-length=32 'SVE of 256 bits' $sve_tests
    check max,sve-default-vector-length=64 'SVE of 512 bits' $sve_tests
}
