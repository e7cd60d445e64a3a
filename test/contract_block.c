/* The contract every registered type keeps, whatever it is: walks the registry, and a type without a test config
 * fails.
 *
 * Blocks that differ in training (flow/noise.h) have their gradients checked in both modes, with their penalties.
 *
 * For each config: round trips both ways; log-determinants against the determinant of a numerical Jacobian (GSL LU);
 * the gradients of both directions and of the log-density, at the inputs and at the weights, against central
 * differences; rows independent of each other; the same bits for any number of threads; save and load without a
 * change. Finite differences want the double build; in float they are left out.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"
#include "flow/registry.h"
#include "flow/rows.h"
#include "harness.h"
#include "flow/univariate/univariates.h"
#include "model/model.h"
#include "num/rng.h"

enum { N = 16, MOST_DIM = 9, MOST_CONTEXT = 3, MOST_WEIGHTS = 150, SEED = 7 };

static const bool is_double = sizeof(real) == sizeof(double);

typedef struct config {
    const char *type; /* what it tests, as the registry names it */
    const char *json;
    int dim;
    int n_context;
    const char *embedding; /* JSON, or NULL */
    double inexact;        /* what a solver may be off by, in log-determinants and round trips; 0: nothing */
} config;

#define MIXTURE(k) "\"univariate\": {\"type\": \"mixture\", \"components\": " k "}"
#define NET "\"hidden\": [7, 7], \"activation\": \"tanh\""
#define SPLINE(bins, bound) "{\"type\": \"rational_quadratic\", \"bins\": " #bins ", \"bound\": " #bound "}"
#define TAILS(bins, bound) \
    "{\"type\": \"rational_quadratic\", \"bins\": " #bins ", \"bound\": " #bound ", \"tails\": \"linear\"}"
#define CIRCLE(bins) \
    "{\"type\": \"rational_quadratic\", \"bins\": " #bins ", \"bound\": 3.141592653589793, \"circular\": true}"

#define SUPPORT(columns) "{\"type\": \"support\", \"columns\": {" columns "}}"

#define ANGLES(columns) SUPPORT(columns)
#define TURN "{\"periodic\": 5, \"lower\": -2.5}"

#define SPLIT(keep, list) "{\"type\": \"split\", \"keep\": " keep ", \"flow\": [" list "]}"

#define EMBEDDING "{\"hidden\": [5], \"activation\": \"tanh\", \"features\": 4}"

static const struct plain {
    const char *type, *json;
    int dim;
} plain[] = {
    {"standardize", "{\"type\": \"standardize\"}", 3},
    {"whiten", "{\"type\": \"whiten\"}", 4},
    {"whiten", "{\"type\": \"whiten\"}, {\"type\": \"maf\", \"repeat\": 2, " NET "}", 3},
    {"whiten", SUPPORT("\"#2\": " TURN ", \"#3\": {\"lower\": -2}") ", \"whiten\", \"actnorm\"", 4},
    {"support", SUPPORT("\"#1\": {\"lower\": -3}, \"#3\": {\"upper\": 11}"), 3},
    {"support", SUPPORT("\"#2\": {\"lower\": -3, \"upper\": 11}"), 2},
    {"support", SUPPORT("\"#1\": {\"discrete\": true}, \"#2\": {\"lower\": -3, \"discrete\": true}"), 3},
    {"support",
     SUPPORT(
         "\"#1\": {\"lower\": -3, \"upper\": 12, \"discrete\": true}, \"#3\": {\"lower\": -2}") ", "
                                                                                                "\"standardize\", {\"type\": \"maf\", \"repeat\": 2, " NET
                                                                                                "}",
     4},
    {"support",
     SUPPORT("\"#1\": {\"upper\": 12, \"discrete\": true}, \"#2\": {\"lower\": -2}") ", "
                                                                                     "{\"type\": \"coupling\", " NET
                                                                                     "}",
     2},
    {"support", ANGLES("\"#1\": " TURN), 2},
    {"support", ANGLES("\"#1\": " TURN ", \"#2\": {\"lower\": -2}") ", \"standardize\", \"actnorm\"", 3},
    {"permute",
     ANGLES("\"#1\": " TURN ", \"#4\": " TURN) ", {\"type\": \"permute\", \"order\": \"random\"}, "
                                               "{\"type\": \"maf\", \"repeat\": 1, " NET "}",
     5},
    {"actnorm", ANGLES("\"#2\": " TURN) ", \"actnorm\", {\"type\": \"coupling\", \"repeat\": 2, " NET "}", 3},
    {"batchnorm", ANGLES("\"#1\": " TURN) ", \"batchnorm\"", 2},
    {"batchnorm",
     ANGLES("\"#2\": " TURN) ", {\"type\": \"repeat\", \"times\": 2, \"flow\": [\"permute\", "
                             "\"batchnorm\", {\"type\": \"coupling\", " NET "}]}",
     3},
    {"maf", ANGLES("\"#1\": " TURN ", \"#2\": " TURN) ", {\"type\": \"maf\", \"repeat\": 3, " NET "}", 2},
    {"maf",
     ANGLES("\"#2\": " TURN ", \"#3\": " TURN) ", {\"type\": \"maf\", \"repeat\": 2, \"residual\": true, " NET "}", 4},
    {"maf", ANGLES("\"#1\": " TURN) ", {\"type\": \"maf\", \"repeat\": 2, \"hidden\": []}", 3},
    {"maf",
     ANGLES("\"#3\": " TURN) ", {\"type\": \"maf\", \"repeat\": 2, \"order\": \"random\", \"univariate\": " SPLINE(
         5, 3) ", " NET "}",
     5},
    {"maf", ANGLES("\"#1\": " TURN) ", {\"type\": \"maf\", \"repeat\": 1, " MIXTURE("12") ", " NET "}", 2},
    {"iaf", ANGLES("\"#1\": " TURN ", \"#3\": " TURN) ", {\"type\": \"iaf\", \"repeat\": 2, " NET "}", 4},
    {"iaf", ANGLES("\"#2\": " TURN) ", {\"type\": \"iaf\", \"repeat\": 2, \"hidden\": [3, 3], \"residual\": true}", 2},
    {"coupling", ANGLES("\"#1\": " TURN ", \"#2\": " TURN) ", {\"type\": \"coupling\", \"repeat\": 2, " NET "}", 5},
    {"coupling",
     ANGLES("\"#2\": " TURN) ", {\"type\": \"coupling\", \"repeat\": 2, \"mask\": \"half\", "
                             "\"univariate\": \"additive\", " NET "}",
     3},
    {"coupling",
     ANGLES("\"#1\": " TURN
            ", \"#2\": " TURN) ", {\"type\": \"coupling\", \"repeat\": 2, \"univariate\": " SPLINE(3, 2) ", " NET "}",
     2},
    {"coupling", ANGLES("\"#1\": " TURN) ", {\"type\": \"coupling\", \"hidden\": [4]}", 1},
    {"nice", ANGLES("\"#4\": " TURN) ", {\"type\": \"nice\", " NET "}", 4},
    {"standardize", "{\"type\": \"standardize\"}, {\"type\": \"maf\", \"repeat\": 2, " NET "}", 4},
    {"permute", "{\"type\": \"permute\"}", 5},
    {"permute", "{\"type\": \"permute\", \"order\": \"random\"}", 7},
    {"permute", "{\"type\": \"permute\", \"order\": [2, 0, 3, 1]}", 4},
    {"actnorm", "{\"type\": \"actnorm\"}", 4},
    {"actnorm", "{\"type\": \"actnorm\", \"fit\": false}", 1},
    {"batchnorm", "{\"type\": \"batchnorm\"}", 4},
    {"batchnorm", "{\"type\": \"batchnorm\", \"epsilon\": 0.5}", 1},
    {"batchnorm", "{\"type\": \"batchnorm\", \"repeat\": 2}", 9},
    {"batchnorm",
     "{\"type\": \"repeat\", \"times\": 3, \"flow\": [\"batchnorm\", "
     "{\"type\": \"coupling\", " NET "}]}",
     5},
    {"linear", "{\"type\": \"linear\"}", 1},
    {"linear", "{\"type\": \"linear\"}", 2},
    {"linear", "{\"type\": \"linear\", \"repeat\": 3}", 5},
    {"linear", "{\"type\": \"linear\"}", 9},
    {"householder", "{\"type\": \"householder\"}", 1},
    {"householder", "{\"type\": \"householder\"}", 2},
    {"householder", "{\"type\": \"householder\", \"reflections\": 3}", 5},
    {"householder", "{\"type\": \"householder\", \"repeat\": 2}", 9},
    {"coupling", "{\"type\": \"coupling\", " NET "}", 5},
    {"coupling", "{\"type\": \"coupling\", " NET ", \"flip\": true, \"residual\": true}", 4},
    {"coupling", "{\"type\": \"coupling\", \"mask\": \"half\", \"hidden\": [6], \"activation\": \"silu\"}", 5},
    {"coupling", "{\"type\": \"coupling\", \"hidden\": [], \"repeat\": 3}", 2},
    {"coupling", "{\"type\": \"coupling\", \"hidden\": [4]}", 1},
    {"coupling",
     "{\"type\": \"coupling\", \"univariate\": \"additive\", \"hidden\": [70, 40], "
     "\"activation\": \"elu\"}",
     9},
    {"realnvp", "{\"type\": \"realnvp\", \"repeat\": 4, " NET "}", 4},
    {"nice", "{\"type\": \"nice\", " NET "}", 4},
    {"glow", "{\"type\": \"glow\", \"repeat\": 3, " NET "}", 5},
    {"glow", "{\"type\": \"glow\", \"repeat\": 2, \"residual\": true, " NET "}", 2},
    {"glow", "{\"type\": \"glow\", \"repeat\": 2, \"hidden\": [4]}", 1},
    {"glow",
     "{\"type\": \"glow\", \"repeat\": 1, \"univariate\": \"additive\", \"mask\": \"alternate\", \"hidden\": [6]}", 9},
    {"maf", "{\"type\": \"maf\", \"repeat\": 1, " NET "}", 5},
    {"maf", "{\"type\": \"maf\", \"repeat\": 3, " NET "}", 3},
    {"maf", "{\"type\": \"maf\", \"repeat\": 1, \"hidden\": [], \"order\": \"reverse\"}", 4},
    {"maf", "{\"type\": \"maf\", \"repeat\": 1, \"hidden\": [5], \"order\": \"random\", \"activation\": \"silu\"}", 9},
    {"maf",
     "{\"type\": \"maf\", \"repeat\": 2, \"hidden\": [3, 3, 3], \"residual\": true, "
     "\"activation\": \"elu\"}",
     6},
    {"maf", "{\"type\": \"maf\", \"repeat\": 1, \"hidden\": [70, 40], \"activation\": \"tanh\"}", 9},
    {"maf", "{\"type\": \"maf\", \"repeat\": 1, \"hidden\": [8, 8], \"residual\": true, \"activation\": \"silu\"}", 1},
    {"maf",
     "{\"type\": \"maf\", \"repeat\": 1, \"hidden\": [6], \"activation\": \"relu\", \"univariate\": \"additive\"}", 4},
    {"iaf", "{\"type\": \"iaf\", \"repeat\": 1, " NET "}", 5},
    {"iaf", "{\"type\": \"iaf\", \"repeat\": 3, " NET "}", 3},
    {"iaf", "{\"type\": \"iaf\", \"repeat\": 1, \"hidden\": [], \"order\": \"reverse\"}", 4},
    {"iaf", "{\"type\": \"iaf\", \"repeat\": 1, \"hidden\": [5], \"order\": \"random\", \"activation\": \"silu\"}", 9},
    {"iaf", "{\"type\": \"iaf\", \"repeat\": 2, \"hidden\": [3, 3, 3], \"residual\": true, \"activation\": \"elu\"}",
     6},
    {"iaf", "{\"type\": \"iaf\", \"repeat\": 1, \"hidden\": [8, 8], \"residual\": true, \"activation\": \"silu\"}", 1},
    {"iaf", "{\"type\": \"iaf\", \"repeat\": 1, \"univariate\": \"additive\", " NET "}", 2},
    {"affine", "{\"type\": \"maf\", \"repeat\": 1, \"univariate\": {\"type\": \"affine\", \"bound\": 0.5}, " NET "}",
     3},
    {"additive", "{\"type\": \"maf\", \"repeat\": 1, \"univariate\": \"additive\", " NET "}", 3},
    {"rational_quadratic", "{\"type\": \"coupling\", \"univariate\": " SPLINE(8, 5) ", " NET "}", 5},
    {"rational_quadratic", "{\"type\": \"coupling\", \"univariate\": " SPLINE(2, 1) ", \"hidden\": []}", 1},
    {"rational_quadratic",
     "{\"type\": \"maf\", \"repeat\": 3, \"univariate\": " SPLINE(3, 1) ", " NET ", "
                                                                        "\"residual\": true}",
     4},
    {"rational_quadratic",
     "{\"type\": \"maf\", \"repeat\": 1, \"univariate\": " SPLINE(16,
                                                                  2) ", "
                                                                     "\"hidden\": [40, 40], \"activation\": \"silu\"}",
     3},
    {"rational_quadratic", "{\"type\": \"maf\", \"repeat\": 3, \"univariate\": " TAILS(4, 0.7) ", " NET "}", 4},
    {"rational_quadratic", "{\"type\": \"coupling\", \"univariate\": " TAILS(2, 0.1) ", " NET "}", 3},
    {"rational_quadratic", "{\"type\": \"maf\", \"repeat\": 2, \"univariate\": " CIRCLE(5) ", " NET "}", 3},
    {"rational_quadratic", "{\"type\": \"coupling\", \"univariate\": " CIRCLE(2) ", " NET "}", 4},
    {"nsf", "{\"type\": \"nsf\", \"repeat\": 3, " NET "}", 4},
    {"nsf", "{\"type\": \"nsf\", \"repeat\": 2, " NET ", \"residual\": true, \"mask\": \"half\"}", 5},
    {"nsf_ar", "{\"type\": \"nsf_ar\", \"repeat\": 2, " NET "}", 4},
    {"nsf_ar",
     "{\"type\": \"nsf_ar\", \"repeat\": 1, \"hidden\": [12], \"order\": \"random\", "
     "\"activation\": \"silu\"}",
     9},
    {"mixture", "{\"type\": \"maf\", \"repeat\": 1, \"univariate\": \"mixture\", " NET "}", 3},
    {"mixture", "{\"type\": \"maf\", \"repeat\": 2, " MIXTURE("1") ", " NET "}", 3},
    {"mixture", "{\"type\": \"maf\", \"repeat\": 3, " MIXTURE("3") ", " NET "}", 3},
    {"mixture", "{\"type\": \"coupling\", \"repeat\": 2, \"univariate\": \"mixture\", " NET "}", 4},
    {"mixture", "{\"type\": \"coupling\", " MIXTURE("1") ", " NET "}", 3},
    {"mixture", "{\"type\": \"coupling\", " MIXTURE("3") ", " NET "}", 1},
    {"repeat",
     "{\"type\": \"repeat\", \"times\": 3, \"flow\": [\"actnorm\", {\"type\": \"maf\", \"repeat\": 2, " NET "}]}", 4},
    {"repeat",
     "{\"type\": \"repeat\", \"times\": 2, \"flow\": [{\"type\": \"repeat\", \"times\": 2, \"flow\": [\"permute\", "
     "{\"type\": \"coupling\", " NET "}]}, \"linear\"]}",
     5},
    {"split", SPLIT("4", "{\"type\": \"maf\", \"repeat\": 2, " NET "}"), 7},
    {"split", SPLIT("1", "{\"type\": \"coupling\", " NET "}"), 2},
    {"split",
     "{\"type\": \"coupling\", \"mask\": \"half\", " NET "}, " SPLIT(
         "2", "\"linear\", \"actnorm\", {\"type\": "
              "\"coupling\", \"repeat\": 2, " NET "}") ", \"permute\", {\"type\": \"iaf\", \"repeat\": 1, " NET "}",
     4},
    {"split",
     "{\"type\": \"repeat\", \"times\": 2, \"flow\": [\"batchnorm\", " SPLIT(
         "3", "\"batchnorm\", " SPLIT("1", "{\"type\": \"coupling\", " NET "}") ", \"permute\"") ", \"permute\"]}",
     5},
    {"split",
     ANGLES("\"#1\": " TURN ", \"#3\": " TURN) ", \"actnorm\", " SPLIT(
         "3", "\"actnorm\", {\"type\": "
              "\"permute\", \"order\": [1, 2, 0]}, {\"type\": \"coupling\", \"repeat\": 2, " NET "}") ", \"batchnorm\"",
     5},
    {"split", ANGLES("\"#1\": " TURN) ", " SPLIT("1", "\"actnorm\", {\"type\": \"maf\", \"repeat\": 1, " NET "}"), 3},
};

/* With a context: its columns, and the embedding of it. */
static const config conditional[] = {
    {"coupling", "{\"type\": \"coupling\", \"repeat\": 2, " NET "}", 4, 2, NULL, 0},
    {"coupling", "{\"type\": \"coupling\", " NET "}", 1, 3, EMBEDDING, 0},
    {"coupling", "{\"type\": \"glow\", \"repeat\": 2, " NET "}", 3, 1, EMBEDDING, 0},
    {"maf", "{\"type\": \"maf\", \"repeat\": 2, " NET "}", 4, 2, NULL, 0},
    {"maf", "{\"type\": \"maf\", \"repeat\": 3, \"residual\": true, " NET "}", 3, 3, EMBEDDING, 0},
    {"maf", "{\"type\": \"maf\", \"repeat\": 1, \"hidden\": []}", 4, 2, EMBEDDING, 0},
    {"maf", "{\"type\": \"maf\", \"repeat\": 1, \"hidden\": [3, 2], \"activation\": \"silu\"}", 9, 1, NULL, 0},
    {"maf", "{\"type\": \"maf\", \"repeat\": 2, \"univariate\": " SPLINE(4, 1) ", " NET "}", 1, 2, EMBEDDING, 0},
    {"maf", ANGLES("\"#1\": " TURN ", \"#3\": " TURN) ", {\"type\": \"maf\", \"repeat\": 2, " NET "}", 4, 2, EMBEDDING,
     0},
    {"iaf", ANGLES("\"#2\": " TURN) ", {\"type\": \"iaf\", \"repeat\": 2, " NET "}", 3, 1, EMBEDDING, 0},
    {"split", "{\"type\": \"coupling\", " NET "}, " SPLIT("3", "{\"type\": \"maf\", \"repeat\": 2, " NET "}"), 5, 2,
     EMBEDDING, 0},
    {"split",
     SPLIT("2", "{\"type\": \"ffjord\", \"hidden\": [6], \"solver\": {\"type\": \"dopri5\", \"rtol\": 1e-10, "
                "\"atol\": 1e-10}}"),
     3, 1, NULL, 1e-7},
    {"coupling", ANGLES("\"#1\": " TURN ", \"#2\": " TURN) ", {\"type\": \"coupling\", \"repeat\": 2, " NET "}", 3, 2,
     EMBEDDING, 0},
    {"iaf", "{\"type\": \"iaf\", \"repeat\": 2, \"residual\": true, " NET "}", 4, 2, EMBEDDING, 0},
    {"iaf", "{\"type\": \"iaf\", \"repeat\": 1, \"hidden\": [3], \"activation\": \"elu\"}", 5, 3, NULL, 0},
};

#define SOLVER(solver) "\"solver\": {\"type\": " solver "}"
#define EXACT "\"rtol\": 1e-13, \"atol\": 1e-13, \"max_steps\": 2000"
#define ADJOINT ", \"gradient\": \"adjoint\""
#define FFJORD(solver, more) "{\"type\": \"ffjord\", " SOLVER(solver) ", " more "}"

/* Continuous flows are as exact as their solvers: where the last member is zero to the last digits, and else as the
 * order and the steps of the method allow. Their discrete gradients are exact in all: those of what was computed. The
 * adjoint ones are as good as the solution. */
static const config continuous[] = {
    {"ffjord", FFJORD("\"dopri5\", " EXACT, "\"hidden\": [7, 6]"), 3, 0, NULL, 0},
    {"ffjord", FFJORD("\"dopri5\", " EXACT, "\"hidden\": [9], \"activation\": \"softplus\""), 4, 0, NULL, 0},
    {"ffjord", FFJORD("\"dopri5\", " EXACT, "\"repeat\": 2, \"hidden\": [5, 8], \"activation\": \"silu\""),
     2, 2, NULL, 0},
    {"ffjord", FFJORD("\"dopri5\", " EXACT, "\"hidden\": [6]"), 1, 1, EMBEDDING, 0},
    {"ffjord", FFJORD("\"dopri5\", " EXACT, NET) ", {\"type\": \"coupling\", " NET "}, " FFJORD("\"rk4\"", NET),
     3, 0, NULL, 1e-5},
    {"ffjord", FFJORD("\"bosh3\", \"rtol\": 1e-9, \"atol\": 1e-9, \"max_steps\": 3000", NET), 2, 0, NULL, 1e-7},
    {"ffjord", FFJORD("\"rk4\", \"steps\": 100", NET), 9, 0, NULL, 1e-7},
    {"ffjord", FFJORD("\"rk4\", \"steps\": 7", "\"hidden\": [7, 7], \"activation\": \"silu\""), 3, 3, EMBEDDING, 1e-2},
    {"ffjord", FFJORD("\"midpoint\", \"steps\": 30", "\"hidden\": [6, 5], \"activation\": \"softplus\""),
     3, 1, NULL, 1e-2},
    {"ffjord", FFJORD("\"euler\", \"steps\": 200", NET), 3, 0, NULL, 0.1},
    {"ffjord", FFJORD("\"euler\", \"steps\": 3", "\"hidden\": [4], \"activation\": \"silu\""), 5, 0, NULL, 1},
    {"ffjord", FFJORD("\"dopri5\", \"steps\": 6", "\"hidden\": [7, 6]"), 3, 1, NULL, 1e-2},
    {"ffjord", FFJORD("\"bosh3\", \"steps\": 5", "\"hidden\": [6]"), 4, 0, NULL, 1e-2},
    {"ffjord", FFJORD("\"dopri5\", " EXACT, "\"hidden\": [7, 6]" ADJOINT), 3, 0, NULL, 0},
    {"ffjord", FFJORD("\"dopri5\", " EXACT, "\"repeat\": 2, \"hidden\": [5, 8], \"activation\": \"silu\"" ADJOINT),
     2, 2, NULL, 0},
    {"ffjord", FFJORD("\"dopri5\", " EXACT, "\"hidden\": [6], \"activation\": \"softplus\"" ADJOINT), 1, 3, EMBEDDING,
     0},
    {"ffjord", FFJORD("\"bosh3\", \"rtol\": 1e-9, \"atol\": 1e-9, \"max_steps\": 3000", NET ADJOINT), 2, 1, NULL, 1e-7},
    {"ffjord", FFJORD("\"dopri5\", \"steps\": 40", NET ADJOINT), 3, 0, NULL, 1e-7},
    {"ffjord", FFJORD("\"bosh3\", \"steps\": 300", "\"hidden\": [7, 5]" ADJOINT), 2, 0, NULL, 1e-6},
    {"ffjord", FFJORD("\"rk4\", \"steps\": 100", NET ADJOINT) ", {\"type\": \"coupling\", " NET "}, "
     FFJORD("\"rk4\", \"steps\": 100", NET), 3, 0, NULL, 1e-7},
    {"ffjord", FFJORD("\"midpoint\", \"steps\": 2000", "\"hidden\": [6, 5]" ADJOINT), 2, 1, NULL, 1e-5},
    {"ffjord", FFJORD("\"dopri5\", " EXACT, "\"hidden\": [5, 6, 4]"), 3, 0, NULL, 0},
    {"ffjord", FFJORD("\"dopri5\", " EXACT, "\"hidden\": [5, 4, 3, 4, 5, 6], \"activation\": \"softplus\", "
                      "\"time_features\": 2"), 2, 1, NULL, 0},
    {"ffjord", FFJORD("\"dopri5\", " EXACT, "\"network\": \"concatsquash\", \"hidden\": [6]"), 4, 0, NULL, 0},
    {"ffjord", FFJORD("\"dopri5\", " EXACT, "\"network\": \"concatsquash\", \"hidden\": [6, 5, 4], "
                      "\"activation\": \"softplus\", \"time_features\": 1, \"train_time\": true"), 3, 2, EMBEDDING, 0},
    {"ffjord", FFJORD("\"dopri5\", " EXACT, NET ", \"time_features\": 3, \"train_time\": true, \"time\": 0.7, "
                      "\"kinetic_energy\": 0.3"), 3, 0, NULL, 0},
    {"ffjord", FFJORD("\"rk4\"", "\"hidden\": [7], \"train_time\": true, \"jacobian_norm\": 0.4"), 3, 0, NULL, 1e-2},
    {"ffjord", FFJORD("\"rk4\"", NET ", \"trace\": \"hutchinson\""), 3, 1, NULL, 1e-2},
    {"ffjord", FFJORD("\"rk4\"", NET ", \"trace\": {\"type\": \"hutchinson\", \"probe\": \"gaussian\"}, "
                      "\"kinetic_energy\": 0.2, \"jacobian_norm\": 0.1, \"train_time\": true, \"repeat\": 2"),
     3, 0, NULL, 1e-2},
    {"ffjord", FFJORD("\"rk4\"", "\"network\": \"concatsquash\", " NET ", \"trace\": {\"type\": \"hutchinson\"}, "
                      "\"kinetic_energy\": 0.2, \"jacobian_norm\": 0.1, \"train_time\": true"), 4, 1, NULL, 1e-2},
    {"ffjord", FFJORD("\"rk4\"", "\"network\": \"concatsquash\", " NET ", \"kinetic_energy\": 0.2, "
                      "\"jacobian_norm\": 0.1, \"train_time\": true"), 3, 0, NULL, 1e-2},
    {"ffjord", FFJORD("\"midpoint\"", "\"hidden\": [6, 5, 4], \"trace\": {\"type\": \"hutchinson\", \"exact_up_to\": "
                      "3}, \"jacobian_norm\": 0.1, \"activation\": \"silu\""), 3, 0, NULL, 0.1},
    {"ffjord", FFJORD("\"dopri5\", " EXACT, "\"network\": \"concatsquash\", \"hidden\": [6, 5], \"train_time\": true"
                      ADJOINT), 3, 1, NULL, 0},
    {"ffjord", FFJORD("\"dopri5\", " EXACT, "\"hidden\": [5, 4, 6], \"time_features\": 2, \"kinetic_energy\": 0.2, "
                      "\"jacobian_norm\": 0.1" ADJOINT), 2, 0, NULL, 0},
    {"ffjord", FFJORD("\"rk4\", \"steps\": 100", NET ", \"trace\": \"hutchinson\", \"kinetic_energy\": 0.3, "
                      "\"train_time\": true" ADJOINT), 3, 2, EMBEDDING, 1e-6},
    {"ffjord", FFJORD("\"bosh3\", \"rtol\": 1e-9, \"atol\": 1e-9, \"max_steps\": 3000", "\"hidden\": [6, 5, 4], "
                      "\"trace\": {\"type\": \"hutchinson\", \"probe\": \"gaussian\"}"), 3, 0, NULL, 1e-7},
};

typedef struct base_config {
    const char *type, *json;
} base_config;

static const base_config bases[] = {
    {"normal", "\"normal\""},
    {"student_t", "\"student_t\""},
    {"student_t", "{\"type\": \"student_t\", \"degrees\": 2}"},
    {"logistic", "\"logistic\""},
    {"uniform", "{\"type\": \"uniform\", \"bound\": 0.7, \"edge\": 0.3}"},
    {"uniform", "{\"type\": \"uniform\", \"bound\": 100, \"edge\": 0}"},
    {"mixture", "\"mixture\""},
    {"mixture", "{\"type\": \"mixture\", \"components\": 3, \"bound\": 0.5}"},
    {"mixture", "{\"type\": \"mixture\", \"components\": 1}"},
};

/* The flow that stands before each of them. */
static const config before_base = {
    .type = "maf", .json = "{\"type\": \"maf\", \"repeat\": 1, \"hidden\": [4], \"activation\": \"tanh\"}", .dim = 3};
/* And one whose second latent is an angle, for which no base is asked. */
static const config angle_before_base = {
    .type = "maf",
    .json = ANGLES("\"#2\": " TURN) ", {\"type\": \"maf\", \"repeat\": 1, \"hidden\": [4], \"activation\": \"tanh\"}",
    .dim = 3};

enum {
    N_PLAIN = sizeof plain / sizeof *plain,
    N_DISCRETE = N_PLAIN + sizeof conditional / sizeof *conditional,
    N_CONFIGS = N_DISCRETE + sizeof continuous / sizeof *continuous,
    N_BASES = sizeof bases / sizeof *bases,
    N_SUBJECTS = N_CONFIGS + 2 * N_BASES
};

static config config_of(int k)
{
    if (k >= N_DISCRETE)
        return continuous[k - N_DISCRETE];
    if (k >= N_PLAIN)
        return conditional[k - N_PLAIN];
    return (config){.type = plain[k].type, .json = plain[k].json, .dim = plain[k].dim};
}

/* ------------------------------------------------------------------ a flow to look at */

typedef struct contract {
    config asked;
    const config *config; /* = &asked */
    const char *base;     /* JSON */
    subject made;
    flow *f;              /* these three are borrowed from it */
    real *weights;
    flow_workspace *ws;
    double x[MOST_DIM * N];           /* a tile in the units of the data */
    real z[MOST_DIM * N];             /* and a tile of latents */
    real c[MOST_DIM * N], g[N], p[N]; /* L = sum c . output + sum g . logdet + sum p . penalty */
    const real *latent;               /* of the last log-density */
} contract;

static double uniform(uint64_t row, uint32_t column)
{
    return 2 * flow_rng_uniform(SEED, FLOW_STREAM_OTHER, row, column) - 1;
}

/* A value that a column may have, whichever it is. */
static double value_of(const flow *f, double x)
{
    return f->n_discrete > 0 ? rint(x) : x;
}

/* Number `which` of N_SUBJECTS: the configs, then the bases, then the bases of flows with an angle. */
static void contract_open(contract *s, int which)
{
    flow_error err;
    int base_at = which - N_CONFIGS;
    *s = (contract){.asked = base_at < 0 ? config_of(which) : base_at < N_BASES ? before_base : angle_before_base,
                   .base = base_at < 0 ? "\"normal\"" : bases[base_at % N_BASES].json};
    const config *asked = s->config = &s->asked;
    subject_open(&s->made, (subject_shape){.dim = asked->dim, .n_context = asked->n_context, .seed = 3},
                 "{\"flow\": [%s], \"base\": %s%s%s}", asked->json, s->base,
                 asked->embedding != NULL ? ", \"embedding\": " : "", asked->embedding != NULL ? asked->embedding : "");
    subject_init_weights(&s->made, 3);                    /* and fitted values: orders, signs */
    subject_scatter_weights(&s->made, 0.6, SEED, 1);      /* far from the identity, so that nothing hides behind a zero */
    subject_workspace(&s->made, N, true);
    s->f = s->made.f;
    s->weights = s->made.weights;
    s->ws = s->made.ws;
    int count = asked->dim * N;
    for (int k = 0; k < count; k++) {
        s->x[k] = 1.7 * uniform((uint64_t)k, 2);
        s->z[k] = (real)(1.7 * uniform((uint64_t)k, 3));
        s->c[k] = (real)uniform((uint64_t)k, 4);
    }
    for (int j = 0; j < N; j++)
        s->g[j] = (real)uniform((uint64_t)j, 5), s->p[j] = (real)uniform((uint64_t)j, 9);
    for (int k = 0; k < asked->n_context * N; k++)
        s->ws->given[k] = 1.3 * uniform((uint64_t)k, 8);
    double rows[N * MOST_DIM];
    for (int j = 0; j < N; j++)
        for (int i = 0; i < asked->dim; i++)
            rows[j * asked->dim + i] = value_of(s->f, 5 + 3 * s->x[i * N + j]);
    /* column maps, and blocks that observe, have values of their own only after a fit */
    if ((s->f->n_columns > 0 || flow_has_batch_stats(s->f)) && asked->n_context == 0)
        assert_int_equal(flow_fit(s->f, s->weights, rows, N, NULL, &err), FLOW_OK);
}

static void contract_close(contract *s)
{
    subject_close(&s->made);
}

/* The two directions behind one signature, over doubles. */
static void map(contract *s, bool latent, const double *in, double *out, double *logdet)
{
    size_t count = (size_t)s->f->dim * N;
    if (latent) {
        const real *z;
        memcpy(s->ws->x, in, count * sizeof *in);
        flow_tile_to_latent(s->f, s->weights, s->ws, N, &z);
        for (size_t k = 0; k < count; k++)
            out[k] = (double)z[k];
    } else {
        for (size_t k = 0; k < count; k++)
            s->ws->a[k] = (real)in[k];
        flow_tile_to_data(s->f, s->weights, s->ws, N);
        memcpy(out, s->ws->x, count * sizeof *out);
    }
    memcpy(logdet, s->ws->logdet, N * sizeof *logdet);
}

static void input_of(const contract *s, bool latent, double *in)
{
    for (int k = 0; k < s->f->dim * N; k++)
        in[k] = latent ? s->x[k] : (double)s->z[k];
}

static double tolerance(double in_double, double in_float)
{
    return is_double ? in_double : in_float;
}

static double inexact(const contract *s, double otherwise)
{
    return s->config->inexact > otherwise ? s->config->inexact : otherwise;
}

#define EXPECT_NEAR(a, b, eps, ...)                                                          \
    do {                                                                                     \
        double a_ = (a), b_ = (b), e_ = (eps);                                               \
        if (!(fabs(a_ - b_) <= e_ * (1 + fabs(b_)))) {                                       \
            char what_[160];                                                                 \
            snprintf(what_, sizeof what_, __VA_ARGS__);                                      \
            fail_msg("%s, %s: %s: %.12g is not %.12g", s->config->json, s->base, what_, a_, b_); \
        }                                                                                    \
    } while (0)

/* ------------------------------------------------------------------ the checks */

static void check_round_trip(contract *s, bool latent_first)
{
    double in[MOST_DIM * N], there[MOST_DIM * N], back[MOST_DIM * N], logdet[N], logdet_back[N];
    double eps = inexact(s, tolerance(1e-10, 2e-3));
    input_of(s, latent_first, in);
    map(s, latent_first, in, there, logdet);
    map(s, !latent_first, there, back, logdet_back);
    for (int k = 0; k < s->f->dim * N; k++)
        EXPECT_NEAR(back[k], in[k], eps, "round trip, value %d", k);
    for (int j = 0; j < N; j++)
        EXPECT_NEAR(logdet_back[j], -logdet[j], eps, "log-determinants of both directions, row %d", j);
}

/* Central differences of fourth order, so that the step can be long enough for their digits to last. */
static void check_jacobian(contract *s, bool latent)
{
    const double h = 3e-5; /* h^4 is far below what rounding leaves of a difference, 1e-16 / h, at less it is not */
    static const double steps[] = {-2, -1, 1, 2}, weights[] = {1. / 12, -8. / 12, 8. / 12, -1. / 12};
    int d = s->f->dim;
    double in[MOST_DIM * N], out[MOST_DIM * N], logdet[N], ignored[N];
    double jacobian[N][MOST_DIM * MOST_DIM] = {{0}};
    input_of(s, latent, in);
    for (int i = 0; i < d; i++) {
        for (int p = 0; p < 4; p++) {
            double moved[MOST_DIM * N];
            memcpy(moved, in, sizeof moved);
            for (int j = 0; j < N; j++)
                moved[i * N + j] += steps[p] * h;
            map(s, latent, moved, out, ignored);
            for (int k = 0; k < d; k++)
                for (int j = 0; j < N; j++)
                    jacobian[j][k * d + i] += weights[p] * out[k * N + j] / h;
        }
    }
    map(s, latent, in, out, logdet);
    gsl_permutation *p = gsl_permutation_alloc((size_t)d);
    for (int j = 0; j < N; j++) {
        gsl_matrix_view m = gsl_matrix_view_array(jacobian[j], (size_t)d, (size_t)d);
        int sign;
        gsl_linalg_LU_decomp(&m.matrix, p, &sign);
        EXPECT_NEAR(logdet[j], gsl_linalg_LU_lndet(&m.matrix), inexact(s, 1e-8), "log-determinant, row %d", j);
    }
    gsl_permutation_free(p);
}

/* L of each row */
static void objective(contract *s, bool latent, const double *in, double *l)
{
    double out[MOST_DIM * N], logdet[N];
    map(s, latent, in, out, logdet);
    for (int j = 0; j < N; j++) {
        l[j] = (double)s->g[j] * logdet[j] + (double)s->p[j] * s->ws->penalty[j];
        for (int i = 0; i < s->f->dim; i++)
            l[j] += (double)s->c[i * N + j] * out[i * N + j];
    }
}

static bool is_of_base(const contract *s, size_t weight)
{
    for (int e = 0; e < s->f->params.n_entries; e++) {
        const flow_param *entry = &s->f->params.entries[e];
        size_t end = entry->offset + (size_t)entry->rows * (size_t)entry->cols;
        if (entry->trainable && weight >= entry->offset && weight < end)
            return strncmp(entry->name, "base/", 5) == 0;
    }
    return false;
}

/* What is differentiated: a direction's objective, or the sum of g . log p, which has the base in it. */
typedef enum what { TO_LATENT, TO_DATA, LOG_DENSITY } what;

static void evaluate(contract *s, what of, const double *in, double *l)
{
    if (of != LOG_DENSITY) {
        objective(s, of == TO_LATENT, in, l);
        return;
    }
    memcpy(s->ws->x, in, (size_t)s->f->dim * N * sizeof *in);
    flow_tile_logp(s->f, s->weights, s->ws, N, l, &s->latent);
    for (int j = 0; j < N; j++)
        l[j] = (double)s->g[j] * l[j] + (double)s->p[j] * s->ws->penalty[j];
}

static void backward(contract *s, what of, const real **gin)
{
    memcpy(s->ws->glogdet, s->g, sizeof s->g);
    s->ws->gpenalty = s->p;
    if (of == LOG_DENSITY) {
        flow_tile_logp_backward(s->f, s->weights, s->ws, N, s->latent, gin);
        return;
    }
    size_t count = (size_t)s->f->dim * N;
    if (of == TO_LATENT) {
        memcpy(s->ws->ga, s->c, count * sizeof(real));
        flow_tile_to_latent_backward(s->f, s->weights, s->ws, N, s->ws->ga, gin);
        return;
    }
    for (size_t k = 0; k < count; k++)
        s->ws->x[k] = (double)s->c[k];
    flow_tile_to_data_backward(s->f, s->weights, s->ws, N, s->ws->x, gin);
}

static void check_input_gradient(contract *s, what of, const double *in, const real *g_in)
{
    const double h = 1e-6;
    for (int i = 0; i < s->f->dim; i++) {
        double moved[MOST_DIM * N], l[2][N];
        for (int side = 0; side < 2; side++) {
            memcpy(moved, in, sizeof moved);
            for (int j = 0; j < N; j++)
                moved[i * N + j] += side == 0 ? h : -h;
            evaluate(s, of, moved, l[side]);
        }
        for (int j = 0; j < N; j++)
            EXPECT_NEAR((double)g_in[i * N + j], (l[0][j] - l[1][j]) / (2 * h), 1e-6, "gradient %d at input %d, row %d",
                        (int)of, i, j);
    }
}

static void check_weight_gradient(contract *s, what of, const double *in, const real *gradient)
{
    const double h = 1e-6;
    flow_span *spans;
    int n_spans;
    size_t live = flow_params_count(&s->f->params), step = live / MOST_WEIGHTS + 1, seen = 0;
    assert_int_equal(flow_params_spans(&s->f->params, &spans, &n_spans, 1000, NULL), FLOW_OK);
    for (int r = 0; r < n_spans; r++) {
        for (size_t k = 0; k < spans[r].length; k++) {
            if (seen++ % step != 0 && !is_of_base(s, spans[r].offset + k))
                continue;
            real *w = &s->weights[spans[r].offset + k], old = *w;
            double total[2] = {0, 0}, l[N];
            for (int side = 0; side < 2; side++) {
                *w = old + (real)(side == 0 ? h : -h);
                evaluate(s, of, in, l);
                for (int j = 0; j < N; j++)
                    total[side] += l[j];
            }
            *w = old;
            EXPECT_NEAR((double)gradient[spans[r].offset + k], (total[0] - total[1]) / (2 * h), 1e-6,
                        "gradient %d at weight %zu", (int)of, spans[r].offset + k);
        }
    }
    free(spans);
}

/* From the gradient at the first block to that at the data `in`: a backward to the data end stops at the blocks. */
static void through_columns(const contract *s, const double *in, real *g)
{
    enum { MOST_COLUMNS = 3 };
    int count = s->f->dim * N;
    double tiles[MOST_COLUMNS + 1][MOST_DIM * N], ignored[N], glogdet[N], at[MOST_DIM * N];
    assert_true(s->f->n_columns <= MOST_COLUMNS);
    memcpy(tiles[0], in, (size_t)count * sizeof *in);
    for (int m = 0; m < s->f->n_columns; m++)
        s->f->columns[m].type->to_latent(s->f->columns[m].state, s->f->params.fitted, N, tiles[m], tiles[m + 1],
                                         ignored);
    for (int j = 0; j < N; j++)
        glogdet[j] = (double)s->g[j];
    for (int k = 0; k < count; k++)
        at[k] = (double)g[k];
    for (int m = s->f->n_columns - 1; m >= 0; m--)
        s->f->columns[m].type->to_latent_backward(s->f->columns[m].state, s->f->params.fitted, N, tiles[m], at, glogdet,
                                                  at);
    for (int k = 0; k < count; k++)
        g[k] = (real)at[k];
}

static void check_gradients(contract *s, what of)
{
    double in[MOST_DIM * N], l[N];
    real g_in[MOST_DIM * N];
    const real *result;
    input_of(s, of != TO_DATA, in);
    evaluate(s, of, in, l);
    backward(s, of, &result);
    memcpy(g_in, result, (size_t)s->f->dim * N * sizeof(real));
    if (of != TO_DATA)
        through_columns(s, in, g_in);
    real *gradient = flow_alloc_aligned(s->f->params.n_weights + 1, sizeof *gradient);
    assert_non_null(gradient);
    flow_tapes_gradient(&s->ws->tape, 1, 2, s->f->params.n_weights, gradient);
    check_input_gradient(s, of, in, g_in);
    check_weight_gradient(s, of, in, gradient);
    flow_free_aligned(gradient);
}

/* Rows do not see each other: moving one row leaves the bits of all others. */
static void check_rows_independent(contract *s, bool latent)
{
    double in[MOST_DIM * N], one[MOST_DIM * N], other[MOST_DIM * N], logdet[N], logdet_other[N];
    input_of(s, latent, in);
    map(s, latent, in, one, logdet);
    for (int i = 0; i < s->f->dim; i++)
        in[i * N + 5] += 1;
    map(s, latent, in, other, logdet_other);
    for (int j = 0; j < N; j++) {
        if (j == 5)
            continue;
        assert_true(logdet[j] == logdet_other[j]);
        for (int i = 0; i < s->f->dim; i++)
            assert_true(one[i * N + j] == other[i * N + j]);
    }
}

static void check_threads(contract *s)
{
    enum { ROWS = 700 };
    size_t d = (size_t)s->f->dim, width = (size_t)flow_width(s->f);
    double *rows = malloc(ROWS * width * sizeof *rows), *z[2], logp[2][ROWS];
    for (size_t k = 0; k < ROWS * width; k++)
        rows[k] = value_of(s->f, 1.5 * uniform(k, 6));
    for (int run = 0; run < 2; run++) {
        flow_runner *runner;
        assert_int_equal(flow_runner_new(&runner, s->f, s->weights, run == 0 ? 1 : 3, NULL), FLOW_OK);
        z[run] = malloc(ROWS * d * sizeof **z);
        flow_rows_logp(runner, rows, ROWS, logp[run]);
        flow_rows_to_data(runner, rows, ROWS, z[run], NULL);
        flow_runner_free(runner);
    }
    assert_memory_equal(logp[0], logp[1], sizeof logp[0]);
    assert_memory_equal(z[0], z[1], ROWS * d * sizeof **z);
    free(rows);
    free(z[0]);
    free(z[1]);
}

static void check_save_and_load(contract *s)
{
    flow_error err;
    char text[900];
    static const char *const given[] = {"", ", \"context\": [\"u\"]", ", \"context\": [\"u\", \"v\"]",
                                        ", \"context\": [\"u\", \"v\", \"w\"]"};
    const char *path = at("model.h5");
    snprintf(text, sizeof text,
             "{\"data\": {\"train\": \"x.csv\"%s}, \"seed\": 3, \"flow\": [%s], \"base\": %s%s%s}",
             given[s->config->n_context], s->config->json, s->base,
             s->config->embedding != NULL ? ", \"embedding\": " : "",
             s->config->embedding != NULL ? s->config->embedding : "");
    flow_spec *spec;
    if (flow_spec_parse(&spec, text, strlen(text), "config", NULL, NULL, 0, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
    flow_model_contents contents = {.spec = spec, .f = s->f, .weights = s->weights, .columns = names};
    if (flow_model_save(path, &contents, &err) != FLOW_OK)
        fail_msg("%s", err.message);
    flow_model *model;
    if (flow_model_load(&model, path, &err) != FLOW_OK)
        fail_msg("%s: %s", s->config->json, err.message);
    assert_int_equal(model->f->params.n_weights, s->f->params.n_weights);
    assert_memory_equal(model->weights, s->weights, s->f->params.n_weights * sizeof(real));
    assert_memory_equal(model->f->params.fitted, s->f->params.fitted, s->f->params.n_fitted * sizeof(double));
    flow_model_free(model);
    flow_spec_free(spec);
}

/* ------------------------------------------------------------------ over all configs */

static void round_trips(void **state)
{
    (void)state;
    for (int k = 0; k < N_SUBJECTS; k++) {
        contract s;
        contract_open(&s, k);
        check_round_trip(&s, true);
        check_round_trip(&s, false);
        contract_close(&s);
    }
}

static void log_determinants(void **state)
{
    (void)state;
    if (!is_double)
        skip();
    for (int k = 0; k < N_SUBJECTS; k++) {
        contract s;
        contract_open(&s, k);
        check_jacobian(&s, true);
        check_jacobian(&s, false);
        contract_close(&s);
    }
}

/* The same probes for every value that is compared. */
static void check_gradients_of_training(contract *s)
{
    s->ws->mode = FLOW_TRAINING;
    s->ws->noise = (flow_noise){.kind = FLOW_NOISE_OF_PLACE, .seed = 11, .first_row = 1000};
    check_gradients(s, TO_LATENT);
    check_gradients(s, LOG_DENSITY);
    check_gradients(s, TO_DATA);
    s->ws->mode = FLOW_EVALUATION;
    s->ws->noise = (flow_noise){.kind = FLOW_NOISE_NONE};
}

static void gradients(void **state)
{
    (void)state;
    if (!is_double)
        skip();
    for (int k = 0; k < N_SUBJECTS; k++) {
        contract s;
        contract_open(&s, k);
        check_gradients(&s, TO_LATENT);
        check_gradients(&s, LOG_DENSITY);
        check_gradients(&s, TO_DATA);
        if (s.f->n_discrete == 0) /* noise would take these off their lattice */
            check_gradients_of_training(&s);
        contract_close(&s);
    }
}

static void independence_of_rows(void **state)
{
    (void)state;
    for (int k = 0; k < N_SUBJECTS; k++) {
        contract s;
        contract_open(&s, k);
        check_rows_independent(&s, true);
        check_rows_independent(&s, false);
        contract_close(&s);
    }
}

static void independence_of_threads(void **state)
{
    (void)state;
    for (int k = 0; k < N_SUBJECTS; k++) {
        contract s;
        contract_open(&s, k);
        check_threads(&s);
        contract_close(&s);
    }
}

static void save_and_load(void **state)
{
    (void)state;
    for (int k = 0; k < N_SUBJECTS; k++) {
        contract s;
        contract_open(&s, k);
        check_save_and_load(&s);
        contract_close(&s);
    }
}

/* The backward of column maps, which compute in double in every build. */
static void gradients_of_columns(void **state)
{
    (void)state;
    const double h = 1e-6;
    for (int config_at = 0; config_at < N_SUBJECTS; config_at++) {
        contract opened, *s = &opened;
        contract_open(s, config_at);
        for (int m = 0; m < s->f->n_columns; m++) {
            const flow_column *column = &s->f->columns[m];
            const double *fitted = s->f->params.fitted;
            int count = s->f->dim * N;
            double g[N], c[MOST_DIM * N], gin[MOST_DIM * N];
            for (int j = 0; j < N; j++)
                g[j] = (double)s->g[j];
            for (int k = 0; k < count; k++)
                c[k] = (double)s->c[k];
            for (int latent = 0; latent < 2; latent++) {
                (latent ? column->type->to_latent_backward : column->type->to_data_backward)(column->state, fitted, N,
                                                                                              s->x, c, g, gin);
                for (int k = 0; k < count; k++) {
                    double l[2];
                    for (int side = 0; side < 2; side++) {
                        double in[MOST_DIM * N], out[MOST_DIM * N], logdet[N] = {0};
                        memcpy(in, s->x, sizeof in);
                        in[k] += side == 0 ? h : -h;
                        (latent ? column->type->to_latent : column->type->to_data)(column->state, fitted, N, in, out,
                                                                                   logdet);
                        l[side] = g[k % N] * logdet[k % N];
                        for (int i = 0; i < s->f->dim; i++)
                            l[side] += c[i * N + k % N] * out[i * N + k % N];
                    }
                    EXPECT_NEAR(gin[k], (l[0] - l[1]) / (2 * h), 1e-6, "gradient of the column map at %d", k);
                }
            }
        }
        contract_close(s);
    }
}

static void expect_config(const char *type)
{
    for (int k = 0; k < N_CONFIGS; k++)
        if (strcmp(config_of(k).type, type) == 0)
            return;
    fail_msg("the registered type \"%s\" has no test config here", type);
}

static void expect_config_of_base(const char *type)
{
    for (int k = 0; k < N_BASES; k++)
        if (strcmp(bases[k].type, type) == 0)
            return;
    fail_msg("the registered base \"%s\" has no test config here", type);
}

static void every_type_has_a_config(void **state)
{
    (void)state;
    for (int i = 0; flow_column_types[i] != NULL; i++)
        expect_config(flow_column_types[i]->info.name);
    for (int i = 0; flow_block_types[i] != NULL; i++)
        expect_config(flow_block_types[i]->info.name);
    for (int i = 0; flow_univariates.types[i] != NULL; i++)
        expect_config(flow_univariates.types[i]->name);
    for (int i = 0; flow_bases.types[i] != NULL; i++)
        expect_config_of_base(flow_bases.types[i]->name);
    for (int i = 0; flow_presets[i] != NULL; i++)
        expect_config(flow_presets[i]->info.name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_a_config), cmocka_unit_test(round_trips),
        cmocka_unit_test(log_determinants),        cmocka_unit_test(gradients),
        cmocka_unit_test(gradients_of_columns),    cmocka_unit_test(independence_of_rows),
        cmocka_unit_test(independence_of_threads), cmocka_unit_test(save_and_load),
    };
    return cmocka_run_group_tests_name("contract of the registered types", tests, make_folder, remove_folder);
}
