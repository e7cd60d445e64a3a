/* Any bytes as a model file: loaded or refused with a message, within bounded memory. What loads can be evaluated.
 *
 * The checksum in the head refuses nearly everything that a fuzzer makes. With FLOW_FUZZ_SEAL=1 in the environment the
 * head is made to fit first, so that the bytes behind it reach the HDF5 library and what comes after; what is found
 * there may be a fault of that library (docs/model-file.md). */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/file.h"
#include "model/models.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "fuzz_model: %s\n", what);
    abort();
}

/* In memory where there is such a folder. Not memfd_create: the HDF5 library wants a file with a name. */
static void put(char path[64], const uint8_t *data, size_t size)
{
    snprintf(path, 64, "%s/fuzz_model-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    int fd = mkstemp(path);
    require(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0, "no file to work with");
}

static void use(const flow_models *models)
{
    const flow_model *first = models->members[0];
    const int d = first->f->dim;
    double *row = calloc((size_t)flow_width(first->f), sizeof *row), logp = NAN;
    flow_ensemble *ensemble = NULL;
    bool small = d <= 64;
    require(row != NULL, "no memory for a row");
    for (int k = 0; k < models->n; k++)
        small = small && models->members[k]->f->params.n_weights < 1 << 20 && models->members[k]->f->n_blocks < 64;
    if (small && flow_models_run(&ensemble, models, 1, NULL) == FLOW_OK)
        flow_ensemble_logp(ensemble, row, 1, &logp, &(double){0});
    flow_ensemble_free(ensemble);
    free(row);
    for (int i = 0; i < d; i++)
        require(first->columns[i] != NULL, "a column without a name");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *sealed = NULL;
    if (getenv("FLOW_FUZZ_SEAL") != NULL && size > FLOW_HEAD_SIZE) {
        sealed = malloc(size);
        require(sealed != NULL, "no memory for the input");
        memcpy(sealed, data, size);
        flow_head_seal((char *)sealed, size);
    }
    char path[64];
    put(path, sealed != NULL ? sealed : data, size);
    free(sealed);
    flow_error err = {0};
    flow_models *models = NULL;
    flow_status status = flow_models_load(&models, path, &err);
    if (status == FLOW_OK) {
        double numbers[4];
        flow_array array = {"figures", FLOW_ARRAY_DOUBLE, 2, 2, numbers, false};
        flow_model_read_state(models->members[0], &array, 1, &err);
        use(models);
    } else {
        require(models == NULL && err.message[0] != '\0', "an error without a message");
    }
    flow_models_free(models);
    unlink(path);
    return 0;
}

#include "fuzz_replay.h"
