/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The data sets of this folder; README.md describes them.
 *
 *     generate FOLDER         writes all files
 *     generate --rows NAME    prints the training rows of one set as CSV
 *     generate --truth        prints the mean logarithm of the true densities, where they are known
 *
 * Each set has 10,000 rows for training and 2,000 rows each for validation and test; that of images has 2,000, 500 and
 * 500, and is an HDF5 file only. The files have the same bytes each
 * time: random numbers come from a fixed seed. Values are rounded far below their spread, so that CSV files are
 * readable and hold the same numbers as the HDF5 files.
 */
#include <complex.h>
#include <gsl/gsl_math.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "data/table.h"
#include "h5/file.h"
#include "h5/scope.h"
#include "num/moments.h"
#include "num/rng.h"

enum { SEED = 20240601, MOST_COLUMNS = 5, N_PARTS = 3 };

static const struct {
    const char *path;   /* in the HDF5 file */
    const char *suffix; /* of the CSV file */
    int n_rows;
} parts[N_PARTS] = {{"/train", "", 10000}, {"/validation", "_validation", 2000}, {"/test", "_test", 2000}};

/* A data set. */
typedef struct source {
    const char *name;
    int d;
    const char *columns[MOST_COLUMNS];
    void (*draw)(double *row, gsl_rng *rng); /* one row */
    double steps;                            /* values are rounded to multiples of 1 / steps */
    bool has_csv;
    double (*density)(const double *row); /* NULL: not known in closed form */
} source;

static double sqr(double x)
{
    return x * x;
}

static double normal(double x, double deviation)
{
    return exp(-0.5 * sqr(x / deviation)) / (sqrt(2 * M_PI) * deviation);
}

/* ------------------------------------------------------------------ two moons */

static void draw_two_moons(double *row, gsl_rng *rng)
{
    const double noise = 0.1, angle = M_PI * gsl_rng_uniform(rng);
    bool upper = gsl_rng_uniform(rng) < 0.5;
    row[0] = (upper ? cos(angle) : 1 - cos(angle)) + gsl_ran_gaussian(rng, noise);
    row[1] = (upper ? sin(angle) : 0.5 - sin(angle)) + gsl_ran_gaussian(rng, noise);
}

/* The integral of density(row, t) over t from `from` to `to`: smooth, and almost zero for most t. */
static double integrate(double (*density)(const double *row, double t), const double *row, double from, double to)
{
    enum { POINTS = 500 };
    double sum = 0;
    for (int k = 0; k < POINTS; k++)
        sum += density(row, from + (k + 0.5) * (to - from) / POINTS);
    return sum * (to - from) / POINTS;
}

static double moons_at(const double *row, double t)
{
    const double noise = 0.1;
    return 0.5 / M_PI *
           (normal(row[0] - cos(t), noise) * normal(row[1] - sin(t), noise) +
            normal(row[0] - 1 + cos(t), noise) * normal(row[1] - 0.5 + sin(t), noise));
}

static double two_moons_density(const double *row)
{
    return integrate(moons_at, row, 0, M_PI);
}

/* ------------------------------------------------------------------ a mixture of five normal distributions */

static const struct {
    double weight, mean[2], deviation[2], correlation;
} components[] = {
    {0.30, {0, 0}, {0.4, 0.4}, 0},        {0.25, {3, 1}, {0.8, 0.3}, 0.8},    {0.20, {-2, 2}, {0.3, 0.9}, -0.6},
    {0.15, {-1.5, -2.5}, {1.0, 0.25}, 0}, {0.10, {2.5, -2}, {0.2, 0.2}, 0.3},
};

static void draw_mixture(double *row, gsl_rng *rng)
{
    double choice = gsl_rng_uniform(rng);
    int k = 0;
    while (choice >= components[k].weight && k < 4)
        choice -= components[k++].weight;
    gsl_ran_bivariate_gaussian(rng, components[k].deviation[0], components[k].deviation[1], components[k].correlation,
                               &row[0], &row[1]);
    row[0] += components[k].mean[0];
    row[1] += components[k].mean[1];
}

/* ------------------------------------------------------------------ a normal distribution in five dimensions */

static const double gaussian_mean[5] = {1.5, -20, 0.03, 300, 5}, gaussian_deviation[5] = {1, 5, 0.01, 40, 2};

/* The Cholesky factor of the correlations; its rows have length 1. */
static const double gaussian_factor[5][5] = {
    {1, 0, 0, 0, 0}, {0.8, 0.6, 0, 0, 0}, {-0.48, 0.64, 0.6, 0, 0}, {0, 0.6, 0, 0.8, 0}, {0.2, -0.4, 0.4, 0, 0.8}};

static void draw_gaussian5(double *row, gsl_rng *rng)
{
    double z[5];
    for (int i = 0; i < 5; i++)
        z[i] = gsl_ran_gaussian(rng, 1);
    for (int i = 0; i < 5; i++) {
        double sum = 0;
        for (int j = 0; j <= i; j++)
            sum += gaussian_factor[i][j] * z[j];
        row[i] = gaussian_mean[i] + gaussian_deviation[i] * sum;
    }
}

/* ------------------------------------------------------------------ D+ -> K- pi+ pi+ */

/* Masses and the width in GeV, Particle Data Group 2022. */
static const double mass_d = 1.86966, mass_k = 0.493677, mass_pi = 0.13957039, mass_kstar = 0.89555,
                    width_kstar = 0.0473, radius_kstar = 1.5; /* radius in 1/GeV */

/* The momentum of a in the rest frame of R -> a b, s being the squared mass of R (PDG review "Kinematics", two-body
 * decays):
 *     q^2 = (s - (m_a + m_b)^2) (s - (m_a - m_b)^2) / (4 s) */
static double momentum(double s, double mass_a, double mass_b)
{
    return sqrt(fmax(0, (s - sqr(mass_a + mass_b)) * (s - sqr(mass_a - mass_b)) / (4 * s)));
}

/* The amplitude of a K*(892) that decays to K- pi_a, pi_b being the other pion. A relativistic Breit-Wigner with the
 * width of a P wave
 *     Gamma(s) = Gamma_0 (q / q_0)^3 (m_0 / sqrt s) F^2(q) / F^2(q_0),   F^2(q) = 1 / (1 + r^2 q^2)   (Blatt-Weisskopf)
 * times the angular dependence of spin 1 in Zemach's form
 *     s_ab - s_kb + (m_D^2 - m_b^2) (m_K^2 - m_a^2) / s_ka,
 * where s_xy is the squared mass of x and y, and a and b are the pions. */
static double complex kstar(double s_ka, double s_kb)
{
    double s_ab = sqr(mass_d) + sqr(mass_k) + 2 * sqr(mass_pi) - s_ka - s_kb;
    double q = momentum(s_ka, mass_k, mass_pi), q0 = momentum(sqr(mass_kstar), mass_k, mass_pi);
    double barrier = (1 + sqr(radius_kstar * q0)) / (1 + sqr(radius_kstar * q));
    double width = width_kstar * pow(q / q0, 3) * mass_kstar / sqrt(s_ka) * barrier;
    double angular = s_ab - s_kb + (sqr(mass_d) - sqr(mass_pi)) * (sqr(mass_k) - sqr(mass_pi)) / s_ka;
    return angular * sqrt(barrier) / (sqr(mass_kstar) - s_ka - I * mass_kstar * width);
}

/* The square of the amplitude: a constant, and a K* in each of the two pairs, since the pions are identical. */
static double intensity(double s1, double s2)
{
    double complex sum = 8 * cexp(I * 2.0) + kstar(s1, s2) + kstar(s2, s1);
    return sqr(creal(sum)) + sqr(cimag(sum));
}

/* Whether the squared masses of the two K pi pairs are possible. For a given s1 the limits of s2 are (PDG review
 * "Kinematics", Dalitz plot)
 *     (E_K + E_b)^2 - (p_K +- p_b)^2
 * with energies and momenta of K and of the other pion b in the rest frame of the first pair. */
static bool is_possible(double s1, double s2)
{
    if (s1 <= sqr(mass_k + mass_pi) || s1 >= sqr(mass_d - mass_pi))
        return false;
    double e_k = (s1 + sqr(mass_k) - sqr(mass_pi)) / (2 * sqrt(s1));
    double e_b = (sqr(mass_d) - s1 - sqr(mass_pi)) / (2 * sqrt(s1));
    double p_k = sqrt(fmax(0, sqr(e_k) - sqr(mass_k))), p_b = sqrt(fmax(0, sqr(e_b) - sqr(mass_pi)));
    return s2 >= sqr(e_k + e_b) - sqr(p_k + p_b) && s2 <= sqr(e_k + e_b) - sqr(p_k - p_b);
}

/* The decay rate is the intensity times ds1 ds2: phase space is flat in the Dalitz plot. Points are drawn in the square
 * around it and kept with a probability proportional to the intensity. */
static void draw_dalitz(double *row, gsl_rng *rng)
{
    const double least = sqr(mass_k + mass_pi), most = sqr(mass_d - mass_pi), ceiling = 6000;
    double s1, s2, chance;
    do {
        s1 = gsl_ran_flat(rng, least, most);
        s2 = gsl_ran_flat(rng, least, most);
        chance = is_possible(s1, s2) ? intensity(s1, s2) / ceiling : 0;
        if (chance > 1) {
            fprintf(stderr, "generate: the ceiling of the Dalitz intensity is too low\n");
            exit(EXIT_FAILURE);
        }
    } while (gsl_rng_uniform(rng) >= chance);
    row[0] = fmin(s1, s2);
    row[1] = fmax(s1, s2);
}

/* ------------------------------------------------------------------ a calorimeter */

/* The ratio of measured and true energy is 1 plus normal noise, minus a loss for the particles that leak. */
static const double leaking = 0.25, leakage = 0.12; /* the share of particles that leak; their mean loss */

/* The relative resolution: terms add in quadrature (PDG review "Particle detectors at accelerators", calorimeters), one
 * in 1 / sqrt(E) for counting, a constant, and one in 1 / E for noise. It is coarser beyond |eta| = 1.5. */
static double resolution(double energy, double eta)
{
    double counting = fabs(eta) < 1.5 ? 0.1 : 0.2;
    return sqrt(sqr(counting) / energy + sqr(0.01) + sqr(0.3 / energy));
}

/* Below a measured energy of 20 only one particle in five is kept. */
static double chance_to_keep(double measured)
{
    return 0.2 + 0.8 / (1 + exp(-2 * (measured - 20)));
}

/* The logarithm of the true energy and eta are uniform; the weight 1 / chance corrects for the particles that are not
 * kept. */
static void draw_detector(double *row, gsl_rng *rng)
{
    double energy, eta, measured;
    do {
        energy = exp(gsl_ran_flat(rng, log(2.0), log(100.0)));
        eta = gsl_ran_flat(rng, -3, 3);
        double ratio = 1 + gsl_ran_gaussian(rng, resolution(energy, eta));
        if (gsl_rng_uniform(rng) < leaking)
            ratio -= gsl_ran_exponential(rng, leakage);
        measured = energy * ratio;
    } while (gsl_rng_uniform(rng) >= chance_to_keep(measured));
    row[0] = energy;
    row[1] = eta;
    row[2] = measured;
    row[3] = 1 / chance_to_keep(measured);
}

/* ------------------------------------------------------------------ 2-D sets from papers on continuous flows */

/* Eight Gaussians, checkerboard and spirals as in the code of Grathwohl et al. 2019 ("FFJORD"). */

static const double ring = 4 * M_SQRT1_2, ring_noise = 0.5 * M_SQRT1_2;

static void draw_eight_gaussians(double *row, gsl_rng *rng)
{
    double angle = M_PI / 4 * (double)gsl_rng_uniform_int(rng, 8);
    row[0] = ring * cos(angle) + gsl_ran_gaussian(rng, ring_noise);
    row[1] = ring * sin(angle) + gsl_ran_gaussian(rng, ring_noise);
}

static double eight_gaussians_density(const double *row)
{
    double sum = 0;
    for (int k = 0; k < 8; k++)
        sum += normal(row[0] - ring * cos(M_PI / 4 * k), ring_noise) *
               normal(row[1] - ring * sin(M_PI / 4 * k), ring_noise) / 8;
    return sum;
}

/* The black squares of a board of 4 x 4 with squares of side 2. */
static void draw_checkerboard(double *row, gsl_rng *rng)
{
    row[0] = gsl_ran_flat(rng, -4, 4);
    row[1] = 2 * gsl_rng_uniform(rng) - 4 * (double)gsl_rng_uniform_int(rng, 2);
    if (fmod(floor(row[0] / 2) + 4, 2) == 1)
        row[1] += 2;
}

static double checkerboard_density(const double *row)
{
    bool inside = fabs(row[0]) <= 4 && fabs(row[1]) <= 4;
    return inside && fmod(floor(row[0] / 2) + floor(row[1] / 2) + 8, 2) == 0 ? 1.0 / 32 : 0;
}

/* Two arms of one and a half turns each, the point reflections of one another. A point of an arm is shifted by uniform
 * noise, scaled, and blurred by normal noise. */
static const double spiral_end = 3 * M_PI, spiral_shift = 0.5, spiral_scale = 1.0 / 3, spiral_noise = 0.1;

static void draw_spirals(double *row, gsl_rng *rng)
{
    double angle = spiral_end * sqrt(gsl_rng_uniform(rng)), sign = gsl_rng_uniform(rng) < 0.5 ? 1 : -1;
    double x = -cos(angle) * angle + spiral_shift * gsl_rng_uniform(rng);
    double y = sin(angle) * angle + spiral_shift * gsl_rng_uniform(rng);
    row[0] = sign * spiral_scale * x + gsl_ran_gaussian(rng, spiral_noise);
    row[1] = sign * spiral_scale * y + gsl_ran_gaussian(rng, spiral_noise);
}

/* The density of the sum of the uniform and the normal noise. */
static double blur(double x)
{
    const double width = spiral_scale * spiral_shift, unit = M_SQRT2 * spiral_noise;
    if (x < -8 * spiral_noise || x > width + 8 * spiral_noise)
        return 0;
    return (erf(x / unit) - erf((x - width) / unit)) / (2 * width);
}

static double arm_at(const double *row, double angle)
{
    double across = blur(row[0] + spiral_scale * angle * cos(angle));
    return across > 0 ? 2 * angle / sqr(spiral_end) * across * blur(row[1] - spiral_scale * angle * sin(angle)) : 0;
}

static double spirals_density(const double *row)
{
    const double opposite[2] = {-row[0], -row[1]};
    return 0.5 * (integrate(arm_at, row, 0, spiral_end) + integrate(arm_at, opposite, 0, spiral_end));
}

/* ------------------------------------------------------------------ files */

static const source sources[] = {
    {"two_moons", 2, {"x", "y"}, draw_two_moons, 1e6, true, two_moons_density},
    {"mixture", 2, {"x", "y"}, draw_mixture, 1e6, false, NULL},
    {"gaussian5", 5, {"a", "b", "c", "d", "e"}, draw_gaussian5, 1e9, false, NULL},
    {"dalitz", 2, {"m2_kpi_low", "m2_kpi_high"}, draw_dalitz, 1e6, true, NULL},
    {"detector", 4, {"energy", "eta", "measured", "weight"}, draw_detector, 1e6, false, NULL},
    {"eight_gaussians", 2, {"x", "y"}, draw_eight_gaussians, 1e6, false, eight_gaussians_density},
    {"checkerboard", 2, {"x", "y"}, draw_checkerboard, 1e6, false, checkerboard_density},
    {"spirals", 2, {"x", "y"}, draw_spirals, 1e6, false, spirals_density},
};
enum { N_SOURCES = sizeof sources / sizeof sources[0] };

/* The random numbers of a part of set `index`. */
static gsl_rng start_rng(flow_rng_sequence *sequence, int index, int part)
{
    return flow_rng_gsl_start(sequence, SEED, FLOW_STREAM_OTHER, (uint64_t)(index * N_PARTS + part));
}

static void draw_rounded(double *row, const source *s, gsl_rng *rng)
{
    s->draw(row, rng);
    for (int j = 0; j < s->d; j++)
        row[j] = round(row[j] * s->steps) / s->steps;
}

static flow_status write_rows(flow_writer *writer, const source *s, int n_rows, gsl_rng *rng, flow_error *err)
{
    flow_status status = FLOW_OK;
    for (int i = 0; i < n_rows && status == FLOW_OK; i++) {
        double row[MOST_COLUMNS];
        draw_rounded(row, s, rng);
        status = flow_writer_write(writer, row, 1, err);
    }
    return status;
}

/* Writes all parts to one file, or (only >= 0) one part. */
static flow_status write_file(const char *location, const source *s, int index, int only, flow_error *err)
{
    flow_writer *writer;
    flow_status status = flow_writer_open(&writer, location, s->columns, s->d, NULL, err);
    if (status != FLOW_OK)
        return status;
    for (int k = 0; k < N_PARTS && status == FLOW_OK; k++) {
        if (only >= 0 && k != only)
            continue;
        flow_rng_sequence sequence;
        gsl_rng rng = start_rng(&sequence, index, k);
        if (only < 0 && k > 0)
            status = flow_writer_begin(writer, parts[k].path, err);
        if (status == FLOW_OK)
            status = write_rows(writer, s, parts[k].n_rows, &rng, err);
    }
    if (status == FLOW_OK)
        return flow_writer_finish(writer, err);
    flow_writer_abandon(writer);
    return status;
}

static flow_status write_source(const char *folder, const source *s, int index, flow_error *err)
{
    char *location = flow_format("%s/%s.h5:%s", folder, s->name, parts[0].path);
    flow_status status = location != NULL ? FLOW_OK : flow_error_memory(err, "a file name");
    if (status == FLOW_OK)
        status = write_file(location, s, index, -1, err);
    free(location);
    for (int k = 0; k < N_PARTS && s->has_csv && status == FLOW_OK; k++) {
        location = flow_format("%s/%s%s.csv", folder, s->name, parts[k].suffix);
        status = location != NULL ? write_file(location, s, index, k, err) : flow_error_memory(err, "a file name");
        free(location);
    }
    return status;
}

/* ------------------------------------------------------------------ images of bars and discs */

enum { SIDE = 12, PIXELS = SIDE * SIDE };
static const int n_images[N_PARTS] = {2000, 500, 500};

/* How far a point is from a segment of half length `half` through (x0, y0). A disc has a segment of length 0. */
static double distance(double x, double y, double x0, double y0, double angle, double half)
{
    double along = (x - x0) * cos(angle) + (y - y0) * sin(angle);
    double nearest = fmax(-half, fmin(half, along));
    return hypot(x - x0 - nearest * cos(angle), y - y0 - nearest * sin(angle));
}

/* A bar (0) or a disc (1) of random place, size and brightness, with a soft edge, on a dark ground with noise. */
static int draw_image(uint8_t *pixels, gsl_rng *rng)
{
    const int label = (int)gsl_rng_uniform_int(rng, 2);
    const double x0 = gsl_ran_flat(rng, 4, 8), y0 = gsl_ran_flat(rng, 4, 8), angle = gsl_ran_flat(rng, 0, M_PI);
    const double half = label == 0 ? gsl_ran_flat(rng, 2.5, 4.5) : 0;
    const double radius = label == 0 ? 0.8 : gsl_ran_flat(rng, 1.5, 3), light = gsl_ran_flat(rng, 150, 230);
    for (int i = 0; i < PIXELS; i++) {
        double outside = distance(i % SIDE + 0.5, i / SIDE + 0.5, x0, y0, angle, half) - radius;
        double value = light / (1 + exp(4 * outside)) + 10 + gsl_ran_gaussian(rng, 4);
        pixels[i] = (uint8_t)fmax(0, fmin(255, value));
    }
    return label;
}

/* A dataset of bytes, compressed in one chunk. */
static flow_status write_bytes(hid_t file, const char *path, int rank, const hsize_t *size, const uint8_t *bytes,
                               flow_error *err)
{
    hid_t space = H5Screate_simple(rank, size, NULL), how = H5Pcreate(H5P_DATASET_CREATE), set = H5I_INVALID_HID;
    flow_status status = FLOW_OK;
    if (space < 0 || how < 0 || H5Pset_chunk(how, rank, size) < 0 || H5Pset_deflate(how, 9) < 0 ||
        H5Pset_obj_track_times(how, false) < 0 ||
        (set = H5Dcreate2(file, path, H5T_STD_U8LE, space, H5P_DEFAULT, how, H5P_DEFAULT)) < 0 ||
        H5Dwrite(set, H5T_NATIVE_UINT8, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes) < 0)
        status = flow_h5_error(err, FLOW_IO, "%s cannot be written", path);
    if (set >= 0)
        H5Dclose(set);
    if (how >= 0)
        H5Pclose(how);
    if (space >= 0)
        H5Sclose(space);
    return status;
}

/* The images of a part, and their labels beside them. */
static flow_status write_images(hid_t file, int part, gsl_rng *rng, flow_error *err)
{
    const hsize_t n = (hsize_t)n_images[part], size[] = {n, SIDE, SIDE, 1};
    uint8_t *pixels = malloc(n * PIXELS), *labels = malloc(n);
    char path[64];
    flow_status status = pixels != NULL && labels != NULL ? FLOW_OK : flow_error_memory(err, "images");
    for (size_t i = 0; i < n && status == FLOW_OK; i++)
        labels[i] = (uint8_t)draw_image(pixels + i * PIXELS, rng);
    if (status == FLOW_OK)
        status = write_bytes(file, parts[part].path, 4, size, pixels, err);
    snprintf(path, sizeof path, "%s_labels", parts[part].path);
    if (status == FLOW_OK)
        status = write_bytes(file, path, 1, size, labels, err);
    free(pixels);
    free(labels);
    return status;
}

static flow_status write_image_file(const char *path, flow_error *err)
{
    hid_t file;
    flow_h5_scope scope = flow_h5_begin(path);
    flow_status status = flow_h5_create(&file, path, err);
    if (status == FLOW_OK) {
        for (int k = 0; k < N_PARTS && status == FLOW_OK; k++) {
            flow_rng_sequence sequence;
            gsl_rng rng = start_rng(&sequence, N_SOURCES, k);
            status = write_images(file, k, &rng, err);
        }
        if (H5Fclose(file) < 0 && status == FLOW_OK)
            status = flow_h5_error(err, FLOW_IO, "%s cannot be written", path);
    }
    flow_h5_end(&scope);
    return status;
}

/* ------------------------------------------------------------------ true densities */

/* The mean log-density over n rows drawn from the density. */
static flow_moments mean_log_density(const source *s, gsl_rng *rng, int n)
{
    flow_moments moments = {0};
    for (int i = 0; i < n; i++) {
        double row[MOST_COLUMNS];
        draw_rounded(row, s, rng);
        flow_moments_add(&moments, log(s->density(row)), 1);
    }
    return moments;
}

/* Prints for each set the mean log-density of its test rows, and of fresh rows: the expectation, with its standard
 * error. */
static void print_truth(void)
{
    enum { TEST = N_PARTS - 1, FRESH = 200000 };
    printf("%-16s  %10s  %10s  %10s\n", "set", "test rows", "fresh rows", "error");
    for (int i = 0; i < N_SOURCES; i++) {
        if (sources[i].density == NULL)
            continue;
        flow_rng_sequence sequence;
        gsl_rng rng = start_rng(&sequence, i, TEST);
        flow_moments test = mean_log_density(&sources[i], &rng, parts[TEST].n_rows);
        flow_moments fresh = mean_log_density(&sources[i], &rng, FRESH);
        printf("%-16s  %10.4f  %10.4f  %10.4f\n", sources[i].name, flow_moments_mean(&test), flow_moments_mean(&fresh),
               flow_moments_error(&fresh));
    }
}

static flow_status print_rows(const char *name, flow_error *err)
{
    for (int i = 0; i < N_SOURCES; i++)
        if (strcmp(sources[i].name, name) == 0)
            return write_file("-", &sources[i], i, 0, err);
    return flow_error_set(err, FLOW_ARGUMENT, "there is no set \"%s\"", name);
}

static flow_status write_all(const char *folder, flow_error *err)
{
    flow_status status = FLOW_OK;
    for (int i = 0; i < N_SOURCES && status == FLOW_OK; i++)
        status = write_source(folder, &sources[i], i, err);
    char *path = flow_format("%s/bars_discs.h5", folder);
    if (status == FLOW_OK)
        status = path != NULL ? write_image_file(path, err) : flow_error_memory(err, "a file name");
    free(path);
    return status;
}

int main(int argc, char **argv)
{
    flow_error err;
    flow_status status;
    if (argc == 3 && strcmp(argv[1], "--rows") == 0) {
        status = print_rows(argv[2], &err);
    } else if (argc == 2 && strcmp(argv[1], "--truth") == 0) {
        print_truth();
        status = FLOW_OK;
    } else if (argc == 2) {
        status = write_all(argv[1], &err);
    } else {
        fprintf(stderr, "usage: generate FOLDER\n       generate --rows NAME\n       generate --truth\n");
        return 2;
    }
    if (status != FLOW_OK)
        fprintf(stderr, "generate: %s\n", err.message);
    return status == FLOW_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
