/* A program that uses the installed library:  install_example [MODEL.h5]
 *
 * With a model it draws a few rows, evaluates them and takes them to the latent end and back; without one it only sees
 * that a missing model is an error with a message. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <flowctl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 5 };

static int use(const char *path)
{
    flow_error err;
    flow_handle *model;
    int result = 1;
    if (flow_open(&model, path, &err) != FLOW_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    size_t d = (size_t)flow_dim(model);
    double logp[ROWS], *x = calloc(ROWS * d, sizeof *x), *z = calloc(ROWS * d, sizeof *z);
    if (x == NULL || z == NULL) {
        fprintf(stderr, "out of memory\n");
    } else if (flow_sample(model, 1, 0, ROWS, NULL, x, NULL, &err) != FLOW_OK ||
               flow_logprob(model, x, ROWS, logp, &err) != FLOW_OK ||
               flow_to_latent(model, x, ROWS, z, NULL, &err) != FLOW_OK ||
               flow_to_data(model, z, ROWS, z, NULL, &err) != FLOW_OK) {
        fprintf(stderr, "%s\n", err.message);
    } else {
        for (size_t i = 0; i < ROWS; i++) {
            double error = 0;
            for (size_t k = 0; k < d; k++)
                error = fmax(error, fabs(x[i * d + k] - z[i * d + k]));
            printf("%s = %g, ...: log p = %g, round trip to %g\n", flow_column_name(model, 0), x[i * d], logp[i],
                   error);
        }
        result = 0;
    }
    free(x);
    free(z);
    flow_close(model);
    return result;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return use(argv[1]);
    flow_error err;
    flow_handle *model;
    if (flow_open(&model, "there-is-no-such-model.h5", &err) != FLOW_IO || model != NULL || strlen(err.message) == 0)
        return 1;
    printf("%s\n", err.message);
    flow_close(model);
    return 0;
}
