/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "h5/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "h5/object.h"
#include "h5/scope.h"

enum { NAME_SIZE = 4096, LZF = 32000 /* the number of this filter */ };

/* ---- other files ---- */

/* The path of `name` in the folder of the file of `dataset`, as the library looks for it, or `name` itself where that
 * does not exist; the caller's. NULL when memory is out. */
static char *source_find(hid_t dataset, const char *name)
{
    char whole[NAME_SIZE];
    struct stat about;
    const ssize_t length = H5Fget_name(dataset, whole, sizeof whole);
    const char *slash = length > 0 && (size_t)length < sizeof whole ? strrchr(whole, '/') : NULL;
    if (name[0] == '/' || slash == NULL)
        return flow_strdup(name);
    char *beside = flow_format("%.*s/%s", (int)(slash - whole), whole, name);
    if (beside == NULL || stat(beside, &about) == 0)
        return beside;
    free(beside);
    return flow_strdup(name);
}

/* The values of an external dataset lie in plain files. */
static flow_status source_check_external(hid_t creation, flow_error *err)
{
    const int n = H5Pget_external_count(creation);
    for (int i = 0; i < n; i++) {
        char name[NAME_SIZE];
        off_t offset = 0;
        hsize_t size = 0;
        struct stat about = {0};
        if (H5Pget_external(creation, (unsigned)i, sizeof name, name, &offset, &size) < 0)
            return flow_h5_error(err, FLOW_FORMAT, "the list of its external files cannot be read");
        name[sizeof name - 1] = '\0';
        if (stat(name, &about) != 0) /* relative to the current folder */
            return flow_error_set(err, FLOW_DATA,
                                  "its values lie outside of it, in the file %.400s, which is not "
                                  "there; put that file there, or start in the folder that has it",
                                  name);
        if (size != H5F_UNLIMITED && S_ISREG(about.st_mode) &&
            (offset > about.st_size || size > (hsize_t)(about.st_size - offset)))
            return flow_error_set(err, FLOW_DATA,
                                  "its values lie outside of it, in the file %.400s, which is too "
                                  "short: %llu bytes of values from byte %lld on, and the file has %lld",
                                  name, (unsigned long long)size, (long long)offset, (long long)about.st_size);
    }
    return FLOW_OK;
}

/* One source of a virtual dataset: a dataset in another file, or in this one for ".". */
static flow_status source_check_mapping(hid_t dataset, const char *file, const char *path, flow_error *err)
{
    flow_status status = FLOW_OK;
    const bool is_here = strcmp(file, ".") == 0;
    char *where = is_here ? NULL : source_find(dataset, file);
    if (!is_here && where == NULL)
        return flow_error_memory(err, "a path");
    hid_t source = is_here ? H5Iget_file_id(dataset) : H5Fopen(where, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (source < 0)
        status = flow_error_set(err, FLOW_DATA,
                                "it is a virtual dataset, and the file %.400s, which holds a part of "
                                "its rows, cannot be opened; put it there",
                                where);
    hid_t part = source >= 0 ? H5Oopen(source, path, H5P_DEFAULT) : H5I_INVALID_HID;
    if (status == FLOW_OK && part < 0)
        status = flow_error_set(err, FLOW_DATA,
                                "it is a virtual dataset, and %.200s in %.200s, which holds a part of "
                                "its rows, does not exist",
                                path, is_here ? "this file" : where);
    flow_h5_close(part);
    flow_h5_close(source);
    free(where);
    return status;
}

/* Mappings by a pattern of names ("part-%b.h5") are of files that may or may not exist. */
static flow_status source_check_virtual(flow_text *remark, hid_t dataset, hid_t creation, flow_error *err)
{
    enum { MOST_MAPPINGS = 100000 };
    size_t n = 0;
    double mapped = 0;
    bool has_pattern = false;
    char last[NAME_SIZE] = "";
    if (H5Pget_virtual_count(creation, &n) < 0)
        return flow_h5_error(err, FLOW_FORMAT, "the list of its sources cannot be read");
    for (size_t i = 0; i < n && i < MOST_MAPPINGS; i++) {
        char file[NAME_SIZE], path[NAME_SIZE];
        hid_t space = H5Pget_virtual_vspace(creation, i);
        const hssize_t points = space >= 0 ? H5Sget_select_npoints(space) : -1;
        flow_h5_close(space);
        if (H5Pget_virtual_filename(creation, i, file, sizeof file) < 0 ||
            H5Pget_virtual_dsetname(creation, i, path, sizeof path) < 0)
            return flow_h5_error(err, FLOW_FORMAT, "the list of its sources cannot be read");
        file[sizeof file - 1] = path[sizeof path - 1] = '\0';
        const bool by_pattern = strchr(file, '%') != NULL || strchr(path, '%') != NULL;
        has_pattern = has_pattern || by_pattern || points < 0;
        mapped += points > 0 ? (double)points : 0;
        if (!by_pattern && strcmp(file, last) != 0)
            FLOW_TRY(source_check_mapping(dataset, file, path, err));
        memcpy(last, file, sizeof last);
    }
    hid_t space = H5Dget_space(dataset);
    const double all = space >= 0 ? (double)H5Sget_simple_extent_npoints(space) : 0;
    flow_h5_close(space);
    if (!has_pattern && n <= MOST_MAPPINGS && mapped < all)
        flow_text_add(remark,
                      "it is a virtual dataset, and %.0f of its %.0f values come from no source: they read as "
                      "its fill value",
                      all - mapped, all);
    return FLOW_OK;
}

/* ---- values that were never written ---- */

/* What such values read as: ", and read as 0"; "" for records. */
static void source_describe_fill(char *out, size_t size, hid_t dataset, hid_t creation)
{
    double fill = 0;
    hid_t type = H5Dget_type(dataset);
    const H5T_class_t class = type >= 0 ? H5Tget_class(type) : H5T_NO_CLASS;
    out[0] = '\0';
    if ((class == H5T_INTEGER || class == H5T_FLOAT) && H5Pget_fill_value(creation, H5T_NATIVE_DOUBLE, &fill) >= 0)
        snprintf(out, size, ": they read as %g", fill);
    flow_h5_close(type);
}

static void source_check_written(flow_text *remark, hid_t dataset, hid_t creation)
{
    H5D_space_status_t state = H5D_SPACE_STATUS_ALLOCATED;
    char fill[64];
    if (H5Dget_space_status(dataset, &state) < 0 || state == H5D_SPACE_STATUS_ALLOCATED)
        return;
    source_describe_fill(fill, sizeof fill, dataset, creation);
    if (state == H5D_SPACE_STATUS_NOT_ALLOCATED) {
        flow_text_add(remark, "none of its values was ever written%s", fill);
        return;
    }
#if H5_VERSION_GE(1, 10, 5)
    flow_h5_shape shape;
    hsize_t chunk[FLOW_H5_RANK_MAX], stored = 0;
    hid_t space = H5Dget_space(dataset);
    double all = 1;
    if (space >= 0 && flow_h5_shape_of(&shape, dataset, NULL) == FLOW_OK &&
        H5Pget_chunk(creation, FLOW_H5_RANK_MAX, chunk) == shape.rank &&
        H5Dget_num_chunks(dataset, space, &stored) >= 0) {
        for (int i = 0; i < shape.rank; i++) {
            const hsize_t chunks = chunk[i] > 0 ? (shape.size[i] + chunk[i] - 1) / chunk[i] : 0;
            all *= (double)chunks;
        }
        if ((double)stored < all)
            flow_text_add(remark, "%.0f of its %.0f chunks were never written%s", all - (double)stored, all, fill);
    }
    flow_h5_close(space);
#endif
}

flow_status flow_h5_check_source(flow_text *remark, hid_t dataset, flow_error *err)
{
    flow_status status = FLOW_OK;
    hid_t creation = H5Dget_create_plist(dataset), space = H5Dget_space(dataset);
    if (creation < 0 || space < 0)
        status = flow_h5_error(err, FLOW_FORMAT, "its layout cannot be understood");
    else if (H5Sget_simple_extent_npoints(space) <= 0)
        status = FLOW_OK;
    else if (H5Pget_layout(creation) == H5D_VIRTUAL)
        status = source_check_virtual(remark, dataset, creation, err);
    else if (H5Pget_external_count(creation) > 0)
        status = source_check_external(creation, err);
    else
        source_check_written(remark, dataset, creation);
    flow_h5_close(space);
    flow_h5_close(creation);
    return status;
}

/* ---- filters ---- */

/* The first filter of the dataset that the library does not have; false: it has all. */
static bool source_missing_filter(H5Z_filter_t *id, char *name, size_t size, hid_t dataset)
{
    hid_t creation = H5Dget_create_plist(dataset);
    const int n = creation >= 0 ? H5Pget_nfilters(creation) : 0;
    bool missing = false;
    for (int i = 0; i < n && !missing; i++) {
        unsigned flags, config;
        size_t n_values = 0;
        name[0] = '\0';
        *id = H5Pget_filter2(creation, (unsigned)i, &flags, &n_values, NULL, size, name, &config);
        name[size - 1] = '\0';
        missing = *id > 0 && H5Zfilter_avail(*id) <= 0;
    }
    flow_h5_close(creation);
    return missing;
}

flow_status flow_h5_read_failed(hid_t dataset, int64_t first, int64_t count, flow_error *err)
{
    H5Z_filter_t id;
    char name[128];
    flow_status status = flow_h5_error(err, FLOW_IO, "rows %lld to %lld cannot be read", (long long)first + 1,
                                       (long long)first + (long long)count);
    if (!source_missing_filter(&id, name, sizeof name, dataset))
        return status;
    H5Eclear2(H5E_DEFAULT);
    char *end = strchr(name, ';'); /* "blosc2; see http..." */
    if (end != NULL)
        *end = '\0';
    if (id == LZF)
        return flow_error_set(err, FLOW_DATA,
                              "its values are packed with the filter lzf, number %d, which h5py alone "
                              "has; write it again with another compression, as in \"new.create_dataset('data', "
                              "data=old['data'][:], compression='gzip')\"",
                              LZF);
    return flow_error_set(err, FLOW_DATA,
                          "its values are packed with the filter %s%s%d, which is not installed; "
                          "\"pip install hdf5plugin\" and \"export HDF5_PLUGIN_PATH=$(python3 -c 'import hdf5plugin; "
                          "print(hdf5plugin.PLUGIN_PATH)')\" make it known, or unpack the file where it is known with "
                          "\"h5repack -f NONE OLD.h5 NEW.h5\"",
                          name, name[0] != '\0' ? ", number " : "number ", (int)id);
}
