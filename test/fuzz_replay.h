/* The program that replays kept inputs through a fuzz target, for compilers without libFuzzer: FLOW_FUZZ_REPLAY. At the
 * end of each test/fuzz_*.c. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_TEST_FUZZ_REPLAY_H
#define FLOW_TEST_FUZZ_REPLAY_H

#ifdef FLOW_FUZZ_REPLAY
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    static uint8_t bytes[1 << 24];
    for (int i = 1; i < argc; i++) {
        FILE *in = fopen(argv[i], "rb");
        if (in == NULL) {
            fprintf(stderr, "%s: cannot be opened\n", argv[i]);
            return 1;
        }
        size_t size = fread(bytes, 1, sizeof bytes, in);
        fclose(in);
        uint8_t *exact = malloc(size == 0 ? 1 : size); /* so that a read beyond the end is noticed */
        if (exact == NULL)
            return 1;
        memcpy(exact, bytes, size);
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
    }
    return 0;
}
#endif

#endif
