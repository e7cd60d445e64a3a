#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Looks for the libraries with pkg-config and the compiler $CC, and prints make variables that say how to use them.
# When one is missing it prints a sentence on standard error and fails.
#
#     CC=gcc scripts/probe.sh > build/config.mk     what make does
#     scripts/probe.sh --missing                    prints what is missing, one word each; nothing when all is here
set -euo pipefail

mode=${1:-}
cc=${CC:-gcc}
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

if ! command -v "${cc%% *}" >/dev/null 2>&1; then
    if [ "$mode" = --missing ]; then
        echo compiler
    else
        echo "There is no compiler \"$cc\" here. Run scripts/setup.sh, or name another one with CC=..." >&2
        exit 1
    fi
    cc=false
fi

# The flags of the first pkg-config package that exists: package cflags|libs NAME...
package() {
    local what=$1 name
    shift
    command -v pkg-config >/dev/null 2>&1 || return 0
    for name in "$@"; do
        if pkg-config --exists "$name" 2>/dev/null; then
            pkg-config "--$what" "$name"
            return 0
        fi
    done
}

# What each library is called by pkg-config, what it is linked with when pkg-config does not know it, one header and one
# function of it. The order is the linker's: who needs another stands before it.
libraries='xsmm|libxsmm|-lxsmm|libxsmm.h|libxsmm_smmdispatch
cmocka|cmocka|-lcmocka|cmocka.h|_cmocka_run_group_tests
hdf5|hdf5 hdf5-serial|-lhdf5|hdf5.h|H5open
gsl|gsl|-lgsl|gsl/gsl_rng.h|gsl_rng_env_setup
cblas|openblas cblas|-lopenblas|cblas.h|cblas_dgemm
cjson|libcjson|-lcjson|cjson/cJSON.h|cJSON_Version
sleef|sleef|-lsleef|sleef.h|Sleef_expd2_u10
png|libpng16 libpng|-lpng|png.h|png_create_read_struct
zlib|zlib|-lz|zlib.h|zlibVersion
zstd|libzstd|-lzstd|zstd.h|ZSTD_versionNumber
random123|||Random123/philox.h|'
# Without these flowctl is built too: CBLAS serves instead of libxsmm, files that are compressed with zstd are refused,
# and cmocka is for the tests.
optional=' xsmm zstd cmocka '

# Homebrew's folder is not searched by default on macOS.
search_cflags='' search_libs='' brew=''
if command -v brew >/dev/null 2>&1; then
    brew=$(brew --prefix)
    search_cflags="-I$brew/include" search_libs="-L$brew/lib"
fi
# Apple's linker wants to be told which functions may be missing (lib/num/gemm.c).
if [ "$(uname -s)" = Darwin ]; then
    search_libs="$search_libs -Wl,-U,_omp_get_max_threads -Wl,-U,_omp_set_num_threads"
    search_libs="$search_libs -Wl,-U,_openblas_set_num_threads"
fi

# builds FLAGS... : does the program on standard input compile and link?
builds() {
    cat >"$temporary/probe.c"
    # shellcheck disable=SC2086  # CC may hold several words
    $cc "$temporary/probe.c" -o "$temporary/probe" "$@" >"$temporary/log" 2>&1
}

for_one_process='#include <hdf5.h>
#ifdef H5_HAVE_PARALLEL
#error
#endif'

# Fills cflags_NAME and libs_NAME.
while IFS='|' read -r name packages fallback _; do
    # shellcheck disable=SC2086  # several words
    flags=$(package cflags $packages) libs=$(package libs $packages)
    case $name in
        # GSL brings its own slow CBLAS; OpenBLAS serves it here.
        gsl) libs=$(sed -e 's/-lgslcblas//' -e 's/-lm *$//' <<<"$libs") ;;
        hdf5)
            if [ -z "$libs" ] && command -v h5cc >/dev/null 2>&1; then
                flags=$(h5cc -show | tr ' ' '\n' | grep '^-I' | tr '\n' ' ' || true)
                libs="$(h5cc -show | tr ' ' '\n' | grep '^-L' | tr '\n' ' ' || true) -lhdf5"
            fi
            # Built for MPI, it makes every program depend on MPI. Debian has one for a process beside it.
            # shellcheck disable=SC2086  # several words
            if pkg-config --exists hdf5-serial 2>/dev/null && ! builds -c $flags <<<"$for_one_process"; then
                flags=$(package cflags hdf5-serial) libs=$(package libs hdf5-serial)
            fi
            ;;
    esac
    printf -v "cflags_$name" '%s' "$flags"
    printf -v "libs_$name" '%s' "${libs:-$fallback}"
done <<<"$libraries"

# A program that needs the libraries of LINES: program LINES. It asks for the headers but does not read them, since
# SLEEF's take half a second.
program() {
    local header function
    while IFS='|' read -r _ _ _ header function; do
        printf '#if !__has_include(<%s>)\n#error\n#endif\n' "$header"
        [ -z "$function" ] || printf 'void %s(void);\n' "$function"
    done <<<"$1"
    printf 'int main(int argc, char **argv)\n{\n    (void)argv;\n    if (argc > 99) {\n'
    while IFS='|' read -r _ _ _ _ function; do
        [ -z "$function" ] || printf '        %s();\n' "$function"
    done <<<"$1"
    printf '    }\n    return 0;\n}\n'
}

# One program that needs everything is fast; only when that cannot be built, each library alone to find the missing.
everything=$search_cflags
while IFS='|' read -r name _; do
    flags=cflags_$name libs=libs_$name
    everything="$everything ${!flags} $search_libs ${!libs}"
done <<<"$libraries"

missing=''
# shellcheck disable=SC2086
if [ "$cc" = false ]; then
    missing=" $(cut -d'|' -f1 <<<"$libraries" | tr '\n' ' ')"
elif ! program "$libraries" | builds -pthread $everything -lm; then
    while IFS= read -r line; do
        name=${line%%|*}
        flags=cflags_$name libs=libs_$name
        # GSL needs a CBLAS, whose absence is reported by itself.
        case $name in
            gsl) extra='-Wl,--unresolved-symbols=ignore-all -lm' ;;
            *) extra='' ;;
        esac
        program "$line" | builds -pthread $search_cflags ${!flags} $search_libs ${!libs} $extra ||
            missing="$missing $name"
    done <<<"$libraries"
fi

has() { [[ "$missing " != *" $1 "* ]] && echo yes || echo no; }
necessary=''
for name in $missing; do
    [ "$mode" != --missing ] || echo "$name"
    [[ "$optional" == *" $name "* ]] || necessary="$necessary $name"
done
if [ "$mode" = --missing ]; then
    exit 0
fi
if [ -n "$necessary" ]; then
    echo "flowctl needs libraries that are not installed here:$necessary." >&2
    echo "Run scripts/setup.sh: it installs them, or says how to." >&2
    exit 1
fi

# mpicc prints its flags: that of Open MPI with -showme, that of MPICH and its relatives with -show. -isystem keeps
# the compiler from warning about the headers of MPI.
mpi=no mpi_cflags='' mpi_libs=''
mpicc=${MPICC:-mpicc}
if command -v "$mpicc" >/dev/null 2>&1; then
    flags=$("$mpicc" -showme:compile 2>/dev/null && "$mpicc" -showme:link 2>/dev/null || "$mpicc" -show 2>/dev/null) ||
        flags=''
    for flag in $flags; do
        case $flag in
            -I*) mpi_cflags="$mpi_cflags -isystem ${flag#-I}" ;;
            -L* | -l* | -Wl,-rpath*) mpi_libs="$mpi_libs $flag" ;;
        esac
    done
    # shellcheck disable=SC2086
    ! builds $mpi_cflags $mpi_libs <<<'#include <mpi.h>
int main(void) { return MPI_Finalize(); }' || mpi=yes
fi

# dlopen, which loads densities, is in the C library nearly everywhere, and in libdl before glibc 2.34.
libs_dl=''
builds <<<'#include <dlfcn.h>
int main(void) { return dlopen("", RTLD_NOW) == 0; }' || libs_dl=-ldl

# shellcheck disable=SC2086
machine=$($cc -dumpmachine 2>/dev/null || uname -m)
x86_64=no arm64=no
case $machine in
    x86_64* | amd64*) x86_64=yes ;;
    aarch64* | arm64*) arm64=yes ;;
esac

# Compilers before gcc 11 and clang 12 cannot compile for AMX.
amx=no
[ "$x86_64" = no ] || ! builds -mavx512bf16 -mamx-tile -mamx-bf16 <<<'#include <immintrin.h>
int main(void) { _tile_release(); return 0; }' || amx=yes

# Kernels for SVE are compiled where the compiler takes the length of vectors as an option, SLEEF has functions for SVE,
# and Linux tells a program what the processor has.
sve=no
# shellcheck disable=SC2086
[ "$arm64" = no ] || ! builds -march=armv8.2-a+sve -msve-vector-bits=512 $search_cflags ${cflags_sleef-} \
    $search_libs ${libs_sleef-} <<<'#include <sleef.h>
#include <sys/auxv.h>
typedef float vector __attribute__((vector_size(64)));
static vector function(vector x) { return (vector)Sleef_expfx_u10sve(x) * x; }
int main(int argc, char **argv)
{
    (void)argv;
    return function((vector){0} + (float)argc)[0] < 0 && (getauxval(AT_HWCAP) & HWCAP_SVE) != 0;
}' || sve=yes

# Old clang needs scripts/ifunc_names.sh.
ifunc_names=no
echo '__attribute__((target_clones("avx2", "default"))) void function(void) {}' >"$temporary/clones.c"
# shellcheck disable=SC2086
if $cc -c "$temporary/clones.c" -o "$temporary/clones.o" >"$temporary/log" 2>&1 &&
    nm "$temporary/clones.o" 2>/dev/null | grep -q ' function\.ifunc$'; then
    ifunc_names=yes
fi

variable() { printf 'CONFIG_%s := %s\n' "$1" "$(tr -s ' \n' '  ' <<<"$2" | sed -e 's/^ *//' -e 's/ *$//')"; }
echo "# Written by scripts/probe.sh; remove this file to look again."
variable CC "$cc"
# shellcheck disable=SC2086
variable COMPILER "$($cc --version | head -n 1 | tr -d "'#\$")"
variable X86_64 "$x86_64"
variable ARM64 "$arm64"
variable AMX "$amx"
variable SVE "$sve"
variable IFUNC_NAMES "$ifunc_names"
variable CFLAGS "$search_cflags ${cflags_hdf5-} ${cflags_gsl-} ${cflags_cblas-} ${cflags_cjson-} ${cflags_sleef-} \
    ${cflags_png-} ${cflags_zlib-}"
variable LIBS "$search_libs ${libs_hdf5-} ${libs_gsl-} ${libs_cblas-} ${libs_cjson-} ${libs_sleef-} \
    ${libs_png-} ${libs_zlib-} $libs_dl -lm"
variable XSMM "$(has xsmm)"
variable XSMM_CFLAGS "${cflags_xsmm-}"
variable XSMM_LIBS "${libs_xsmm-}"
variable ZSTD "$(has zstd)"
variable ZSTD_CFLAGS "${cflags_zstd-}"
variable ZSTD_LIBS "${libs_zstd-}"
variable CMOCKA "$(has cmocka)"
variable CMOCKA_CFLAGS "${cflags_cmocka-}"
variable CMOCKA_LIBS "${libs_cmocka-}"
variable MPI "$mpi"
variable MPI_CFLAGS "$mpi_cflags"
variable MPI_LIBS "$mpi_libs"
