#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
#
#     scripts/check_kernels.sh      what `make check` runs
#
# Runs the tests of matrix products and networks with the kernels that libxsmm makes for processors with AVX2, AVX and
# SSE alone. Other products have nothing to choose from and run the tests once more.
set -euo pipefail
cd "$(dirname "$0")/.."

for target in hsw snb wsm; do
    for program in build/test/unit_gemm build/test/unit_nn build/test/unit_conv; do
        if ! log=$(LIBXSMM_TARGET=$target $program 2>&1); then
            printf '%s\nLIBXSMM_TARGET=%s %s failed\n' "$log" "$target" "$program" >&2
            exit 1
        fi
    done
done
