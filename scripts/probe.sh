#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Looks for the libraries with pkg-config and the compiler $CC, and prints make variables that say how to use them.
# When one is missing it prints a sentence on standard error and fails.
#
#     CC=gcc scripts/probe.sh > build/config.mk     what make does
#     scripts/probe.sh --missing                    prints the missing libraries, one word each; nothing when all are here
set -euo pipefail

cc=${CC:-gcc}
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

if ! command -v "${cc%% *}" >/dev/null 2>&1; then
    if [ "${1:-}" = --missing ]; then
        echo compiler
        exit 0
    fi
    echo "There is no compiler \"$cc\": run scripts/setup.sh, or name another one with CC=..." >&2
    exit 1
fi

# compiles FLAGS... : does the program on standard input compile and link?
compiles() {
    cat >"$temporary/probe.c"
    # shellcheck disable=SC2086  # CC may hold several words
    $cc "$temporary/probe.c" -o "$temporary/probe" "$@" >"$temporary/log" 2>&1
}

# package cflags|libs NAME... : the flags of the first pkg-config package that exists
package() {
    local what=$1 name
    shift
    command -v pkg-config >/dev/null 2>&1 || return 0
    for name in "$@"; do
        if pkg-config --exists "$name" 2>/dev/null; then
            pkg-config "--$what" "$name" | sed 's/ *$//'
            return 0
        fi
    done
}

# On macOS, Homebrew's folder is not searched by default.
search_cflags='' search_libs=''
if command -v brew >/dev/null 2>&1; then
    search_cflags="-I$(brew --prefix)/include" search_libs="-L$(brew --prefix)/lib"
fi

hdf5_cflags=$(package cflags hdf5 hdf5-serial) hdf5_libs=$(package libs hdf5 hdf5-serial)
if [ -z "$hdf5_libs" ] && command -v h5cc >/dev/null 2>&1; then
    hdf5_cflags=$(h5cc -show | tr ' ' '\n' | grep '^-I' | tr '\n' ' ' || true)
    hdf5_libs="$(h5cc -show | tr ' ' '\n' | grep '^-L' | tr '\n' ' ' || true)-lhdf5"
fi
blas_cflags=$(package cflags openblas cblas) blas_libs=$(package libs openblas cblas)
gsl_cflags=$(package cflags gsl)
# GSL without its own slow CBLAS: OpenBLAS serves it.
gsl_libs=$(package libs gsl | sed -e 's/-lgslcblas//' -e 's/-lm\b//')
cjson_cflags=$(package cflags libcjson) cjson_libs=$(package libs libcjson)
# cJSON's own package file points into its folder, the sources say <cjson/cJSON.h>.
sleef_cflags=$(package cflags sleef) sleef_libs=$(package libs sleef)
zlib_cflags=$(package cflags zlib) zlib_libs=$(package libs zlib)
cmocka_cflags=$(package cflags cmocka) cmocka_libs=$(package libs cmocka)
dnnl_cflags=$(package cflags dnnl) dnnl_libs=$(package libs dnnl)

cflags="$search_cflags $hdf5_cflags $blas_cflags $gsl_cflags $cjson_cflags $sleef_cflags $zlib_cflags"
libs="$search_libs ${hdf5_libs:--lhdf5} ${gsl_libs:--lgsl} ${blas_libs:--lopenblas} ${cjson_libs:--lcjson}"
libs="$libs ${sleef_libs:--lsleef} -lcsv ${zlib_libs:--lz} -lm"
cmocka_libs=${cmocka_libs:--lcmocka}
dnnl_libs=${dnnl_libs:--ldnnl}

one_line() { tr -s ' \n' '  ' <<<"$*" | sed -e 's/^ //' -e 's/ $//'; }
cflags=$(one_line "$cflags") libs=$(one_line "$libs")

openmp_program='#include <omp.h>
int main(void) { return omp_get_max_threads() < 1; }'
openmp=''
for flags in "-fopenmp" "-Xpreprocessor -fopenmp $search_cflags $search_libs -lomp" \
    "-Xpreprocessor -fopenmp -I/opt/homebrew/opt/libomp/include -L/opt/homebrew/opt/libomp/lib -lomp" \
    "-Xpreprocessor -fopenmp -I/usr/local/opt/libomp/include -L/usr/local/opt/libomp/lib -lomp"; do
    # shellcheck disable=SC2086
    if compiles $flags <<<"$openmp_program"; then
        openmp=$(one_line "$flags")
        break
    fi
done

# name|header|function: what flowctl is linked with
libraries='gsl|gsl/gsl_rng.h|gsl_rng_env_setup
cblas|cblas.h|cblas_dgemm
cjson|cjson/cJSON.h|cJSON_Version
hdf5|hdf5.h|H5open
sleef|sleef.h|Sleef_exp_u10
libcsv|csv.h|csv_free
zlib|zlib.h|zlibVersion
random123|Random123/philox.h|'

# all_of LINES: one program that needs all of them
all_of() {
    local name header function
    while IFS='|' read -r name header function; do printf '#include <%s>\n' "$header"; done <<<"$1"
    printf 'int main(int argc, char **argv)\n{\n    (void)argv;\n    void (*all[16])(void) = {0};\n    int n = 0;\n'
    while IFS='|' read -r name header function; do
        [ -z "$function" ] || printf '    all[n++] = (void (*)(void))%s;\n' "$function"
    done <<<"$1"
    printf '    return all[argc %% 2] == all[n];\n}\n'
}

missing=''
# shellcheck disable=SC2086
if ! all_of "$libraries" | compiles $cflags $libs; then
    while IFS= read -r line; do
        name=${line%%|*}
        case $name in
            gsl) one="$gsl_libs -lgsl $blas_libs -lopenblas -lm" ;;
            cblas) one="${blas_libs:--lopenblas}" ;;
            cjson) one="${cjson_libs:--lcjson}" ;;
            hdf5) one="${hdf5_libs:--lhdf5}" ;;
            sleef) one="${sleef_libs:--lsleef}" ;;
            libcsv) one='-lcsv' ;;
            zlib) one="${zlib_libs:--lz}" ;;
            *) one='' ;;
        esac
        # GSL cannot be linked without a CBLAS: do not report it for the other's absence.
        if [ "$name" = gsl ] && [[ " $missing " == *' cblas '* ]]; then
            one='' line="${line%|*}|"
        fi
        # shellcheck disable=SC2086
        all_of "$line" | compiles $cflags $search_libs $one || missing="$missing $name"
    done < <(sort -t'|' -k1,1 <<<"$libraries")
fi
[ -n "$openmp" ] || missing="$missing openmp"

cmocka=no
# shellcheck disable=SC2086
if printf '#include <stdarg.h>\n#include <stddef.h>\n#include <setjmp.h>\n#include <stdint.h>\n#include <cmocka.h>\n%s\n' \
    'int main(void) { return 0; }' | compiles $search_cflags $cmocka_cflags $search_libs $cmocka_libs; then
    cmocka=yes
fi
dnnl=no
# shellcheck disable=SC2086
if all_of 'dnnl|dnnl.h|dnnl_sgemm' | compiles $search_cflags $dnnl_cflags $search_libs $dnnl_libs; then
    dnnl=yes
fi

if [ "${1:-}" = --missing ]; then
    [ "$dnnl" = yes ] || missing="$missing dnnl"
    [ "$cmocka" = yes ] || missing="$missing cmocka"
    for word in $missing; do echo "$word"; done
    exit 0
fi
if [ -n "$missing" ]; then
    {
        echo "flowctl needs libraries that are not installed here:$missing."
        echo "Run scripts/setup.sh: it installs them, or prints how to."
    } >&2
    exit 1
fi

machine=no
if compiles <<<'#ifndef __x86_64__
#error
#endif
int main(void) { return 0; }'; then machine=yes; fi

cat <<END
# Written by scripts/probe.sh; remove this file to look again.
CONFIG_CC := $cc
CONFIG_COMPILER := $($cc --version | head -n 1 | tr -d "'#\$")
CONFIG_X86_64 := $machine
CONFIG_CFLAGS := $cflags
CONFIG_LIBS := $libs
CONFIG_OPENMP_CC := $openmp
CONFIG_OPENMP_CLANG := -fopenmp
CONFIG_DNNL := $dnnl
CONFIG_DNNL_CFLAGS := $dnnl_cflags
CONFIG_DNNL_LIBS := $dnnl_libs
CONFIG_CMOCKA := $cmocka
CONFIG_CMOCKA_CFLAGS := $cmocka_cflags
CONFIG_CMOCKA_LIBS := $cmocka_libs
END
