/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/h5_dialect.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/text.h"
#include "h5/object.h"
#include "h5/scope.h"
#include "h5/text.h"

enum { MOST_TEXT = 1 << 20 };

char *flow_h5_text_of(hid_t object, const char *attribute)
{
    char **texts = NULL;
    int n = 0;
    if (H5Aexists(object, attribute) <= 0 ||
        flow_h5_attr_read_names(&texts, &n, object, attribute, MOST_TEXT, true, NULL) != FLOW_OK)
        return NULL;
    char *text = n > 0 ? flow_strdup(texts[0]) : NULL;
    free(texts);
    return text;
}

bool flow_h5_text_is(hid_t object, const char *attribute, const char *text)
{
    char *found = flow_h5_text_of(object, attribute);
    const bool is = found != NULL && strcmp(found, text) == 0;
    free(found);
    return is;
}

/* ---- MATLAB, R, Julia ---- */

/* Files of JLD and JLD2 begin with a line of text in front of the HDF5 file. */
static bool dialect_is_julia(hid_t dataset)
{
    static const char *const heads[] = {"HDF5-based Julia Data Format", "Julia data file (HDF5)"};
    char path[4096], head[64] = "";
    const ssize_t length = H5Fget_name(dataset, path, sizeof path);
    if (length <= 0 || (size_t)length >= sizeof path)
        return false;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    const ssize_t n = read(fd, head, sizeof head - 1);
    close(fd);
    return n > 0 && (strncmp(head, heads[0], strlen(heads[0])) == 0 || strncmp(head, heads[1], strlen(heads[1])) == 0);
}

bool flow_h5_is_reversed(hid_t dataset)
{
    return H5Aexists(dataset, "MATLAB_class") > 0 || H5Aexists(dataset, "rhdf5-NA.OK") > 0 || dialect_is_julia(dataset);
}

const char *flow_h5_matlab_what(hid_t dataset)
{
    static const char *const numbers[] = {"double", "single", "logical", "int8",   "int16",  "int32",
                                          "int64",  "uint8",  "uint16",  "uint32", "uint64", NULL};
    if (H5Aexists(dataset, "MATLAB_empty") > 0)
        return "no value";
    char *class = flow_h5_text_of(dataset, "MATLAB_class");
    bool is_number = class == NULL;
    for (int i = 0; numbers[i] != NULL && !is_number; i++)
        is_number = strcmp(class, numbers[i]) == 0;
    const bool is_text = class != NULL && strcmp(class, "char") == 0;
    free(class);
    return is_number ? NULL : is_text ? "text" : "an object of MATLAB";
}

/* ---- netCDF ---- */

bool flow_h5_is_scale(hid_t dataset)
{
    return flow_h5_text_is(dataset, "CLASS", "DIMENSION_SCALE");
}

bool flow_h5_is_empty_scale(hid_t dataset)
{
    static const char mark[] = "This is a netCDF dimension but not a netCDF variable";
    char *name = flow_h5_is_scale(dataset) ? flow_h5_text_of(dataset, "NAME") : NULL;
    const bool is = name != NULL && strncmp(name, mark, strlen(mark)) == 0;
    free(name);
    return is;
}

bool flow_h5_is_private(const char *name)
{
    static const char *const starts[] = {"_i_", "_p_", "#refs#", "#subsystem#"};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strncmp(name, starts[i], strlen(starts[i])) == 0)
            return true;
    return strcmp(name, "_types") == 0;
}

char *flow_h5_link_target(hid_t at, const char *path)
{
    H5L_info_t info;
    char value[4096];
    unsigned flags;
    const char *file = NULL, *target = NULL;
    if (H5Lget_info(at, path, &info, H5P_DEFAULT) < 0 ||
        (info.type != H5L_TYPE_SOFT && info.type != H5L_TYPE_EXTERNAL) || info.u.val_size > sizeof value ||
        H5Lget_val(at, path, value, sizeof value, H5P_DEFAULT) < 0)
        return NULL;
    if (info.type == H5L_TYPE_SOFT)
        return flow_format("%.*s", (int)sizeof value - 1, value);
    if (H5Lunpack_elink_val(value, info.u.val_size, &flags, &file, &target) < 0)
        return NULL;
    return flow_format("%s in the file %s", target, file);
}

/* ---- sparse matrices ---- */

bool flow_h5_is_sparse(hid_t group)
{
    static const char *const parts[] = {"data", "indices", "indptr"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (H5Lexists(group, parts[i], H5P_DEFAULT) <= 0)
            return false;
    return true;
}

/* ---- weights of networks ---- */

typedef struct dialect_count {
    int n_weights, n_others; /* datasets whose names end with ".weight" or ".bias", and others */
} dialect_count;

static bool dialect_ends(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

static herr_t dialect_count_one(hid_t file, const char *name, const H5O_info_t *info, void *data)
{
    enum { MOST = 10000 };
    dialect_count *count = data;
    (void)file;
    if (info->type != H5O_TYPE_DATASET)
        return 0;
    if (dialect_ends(name, ".weight") || dialect_ends(name, ".bias") || dialect_ends(name, "/weight") ||
        dialect_ends(name, "/bias"))
        count->n_weights++;
    else if (!dialect_ends(name, "running_mean") && !dialect_ends(name, "running_var") &&
             !dialect_ends(name, "num_batches_tracked"))
        count->n_others++;
    return count->n_weights + count->n_others > MOST;
}

static bool dialect_has(hid_t file, const char *path)
{
    return H5Lexists(file, path, H5P_DEFAULT) > 0;
}

const char *flow_h5_weights_of(hid_t file)
{
    dialect_count count = {0};
    hid_t root = H5Gopen2(file, "/", H5P_DEFAULT);
    const bool is_keras = root >= 0 && (H5Aexists(root, "keras_version") > 0 || H5Aexists(root, "layer_names") > 0 ||
                                        dialect_has(file, "model_weights") || dialect_has(file, "optimizer_weights") ||
                                        dialect_has(file, "_layer_checkpoint_dependencies") ||
                                        (dialect_has(file, "layers") && dialect_has(file, "vars")) ||
                                        (dialect_has(file, "layers") && dialect_has(file, "optimizer")));
    flow_h5_close(root);
    if (is_keras)
        return "Keras";
#if H5_VERSION_GE(1, 12, 0)
    H5Ovisit3(file, H5_INDEX_NAME, H5_ITER_NATIVE, dialect_count_one, &count, H5O_INFO_BASIC);
#else
    H5Ovisit(file, H5_INDEX_NAME, H5_ITER_NATIVE, dialect_count_one, &count);
#endif
    return count.n_weights > 1 && count.n_others == 0 ? "PyTorch" : NULL;
}
