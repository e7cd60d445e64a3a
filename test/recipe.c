/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recipe.h"

#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STORED_MAX = 1 << 14, DEPTH = 3 };

unsigned recipe_byte(recipe *r)
{
    return r->at < r->end ? *r->at++ : 0;
}

const char *recipe_name(recipe *r)
{
    static const char *const names[] = {"x",
                                        "y",
                                        "data",
                                        "table",
                                        "df",
                                        "axis0",
                                        "axis1",
                                        "_i_table",
                                        "block0_items",
                                        "values",
                                        "label",
                                        "index",
                                        "images",
                                        "a b",
                                        "gr\xc3\xb6\xc3\x9f\x65",
                                        "block0_values",
                                        "block1_values",
                                        "\xff\xfe"};
    return names[recipe_byte(r) % (sizeof names / sizeof names[0])];
}

static hsize_t recipe_size(recipe *r)
{
    const unsigned b = recipe_byte(r);
    return b < 224 ? b % 8 : (hsize_t)1 << (2 * (b - 224));
}

/* A type that the caller closes. */
static hid_t recipe_type(recipe *r, int depth)
{
    const hid_t plain[] = {H5T_NATIVE_DOUBLE, H5T_NATIVE_FLOAT, H5T_IEEE_F64BE,     H5T_IEEE_F32LE,  H5T_STD_I8LE,
                           H5T_STD_U8LE,      H5T_STD_I16BE,    H5T_STD_U64LE,      H5T_STD_I64BE,   H5T_STD_B8LE,
                           H5T_STD_B64LE,     H5T_C_S1,         H5T_NATIVE_LDOUBLE, H5T_STD_REF_OBJ, H5T_UNIX_D32LE};
    const unsigned b = recipe_byte(r), n_plain = sizeof plain / sizeof plain[0];
    if (b < 200 || depth == 0)
        return H5Tcopy(plain[b % n_plain]);
    if (b < 225) { /* a struct */
        hid_t members[4];
        size_t size = 0, n = 1 + recipe_byte(r) % 4;
        for (size_t i = 0; i < n; i++) {
            members[i] = recipe_type(r, depth - 1);
            size += members[i] >= 0 ? H5Tget_size(members[i]) : 0;
        }
        hid_t type = H5Tcreate(H5T_COMPOUND, size + recipe_byte(r) % 3);
        size_t offset = 0;
        for (size_t i = 0; i < n; i++) {
            if (members[i] < 0)
                continue;
            H5Tinsert(type, recipe_name(r), offset, members[i]);
            offset += H5Tget_size(members[i]);
            H5Tclose(members[i]);
        }
        return type;
    }
    if (b < 235) {
        hid_t type = H5Tcopy(H5T_C_S1);
        H5Tset_size(type, b < 228 ? H5T_VARIABLE : 1 + recipe_byte(r));
        return type;
    }
    if (b < 240) {
        hid_t type = H5Tenum_create(H5T_STD_I8LE);
        for (int8_t value = 0; value < (int8_t)(1 + recipe_byte(r) % 4); value++)
            H5Tenum_insert(type, value == 0 ? "FALSE" : value == 1 ? "TRUE" : recipe_name(r), &value);
        return type;
    }
    if (b < 243) { /* numbers of odd sizes */
        hid_t type = H5Tcopy(H5T_STD_I32LE);
        H5Tset_precision(type, 1 + recipe_byte(r) % 32);
        H5Tset_offset(type, recipe_byte(r) % 32);
        return type;
    }
    hid_t inner = recipe_type(r, depth - 1), type;
    hsize_t sizes[2] = {recipe_size(r)};
    sizes[1] = 1 + recipe_byte(r) % 4;
    /* HDF5 1.10.8 writes structs with larger arrays, but divides by zero when it opens them (docs/security.md). */
    const hsize_t most = UINT32_MAX / sizes[1] / (inner >= 0 ? H5Tget_size(inner) : 1);
    sizes[0] = sizes[0] < most ? sizes[0] : most;
    type = b < 250 ? H5Tarray_create2(inner, 1 + b % 2, sizes) : H5Tvlen_create(inner);
    H5Tclose(inner);
    return type;
}

static hid_t recipe_space(recipe *r, hsize_t sizes[4], int *rank)
{
    const unsigned b = recipe_byte(r);
    *rank = (int)(b % 5);
    for (int i = 0; i < *rank; i++)
        sizes[i] = recipe_size(r);
    if (b >= 250)
        return H5Screate(H5S_NULL);
    return *rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(*rank, sizes, NULL);
}

/* Memory of values that are bytes of the recipe, where they are few and no pointers. */
static void *recipe_values(recipe *r, hid_t type, hid_t space)
{
    const hssize_t n = H5Sget_simple_extent_npoints(space);
    const size_t size = H5Tget_size(type);
    if (n <= 0 || size == 0 || (size_t)n > STORED_MAX / size || H5Tdetect_class(type, H5T_VLEN) > 0 ||
        H5Tdetect_class(type, H5T_REFERENCE) > 0 || H5Tis_variable_str(type) > 0 ||
        (H5Tget_class(type) != H5T_STRING && H5Tdetect_class(type, H5T_STRING) > 0))
        return NULL;
    uint8_t *values = calloc((size_t)n, size);
    assert(values != NULL);
    const unsigned length = 1 + recipe_byte(r) % 16;
    for (size_t i = 0; i < (size_t)n * size; i++)
        values[i] = i < length ? (uint8_t)recipe_byte(r) : values[i - length];
    return values;
}

void recipe_make_dataset(recipe *r, hid_t group, const char *name)
{
    hsize_t sizes[4] = {0}, chunk[4];
    int rank;
    hid_t type = recipe_type(r, DEPTH), space = recipe_space(r, sizes, &rank), how = H5Pcreate(H5P_DATASET_CREATE);
    unsigned layout = recipe_byte(r);
    if (layout % 4 >= 2 && rank > 0) {
        for (int i = 0; i < rank; i++)
            chunk[i] = 1 + recipe_byte(r) % 8;
        H5Pset_chunk(how, rank, chunk);
        if (layout % 4 == 3)
            H5Pset_deflate(how, 1);
        if (layout & 16)
            H5Pset_fletcher32(how);
    } else if (layout % 4 == 1) {
        H5Pset_layout(how, H5D_COMPACT);
    } else if (layout & 8) {
        H5Pset_external(how, "/nowhere/values", 0, H5F_UNLIMITED);
        layout |= 32; /* nothing is stored: the file does not exist */
    }
    H5Pset_alloc_time(how, H5D_ALLOC_TIME_LATE);
    hid_t dataset = H5Dcreate2(group, name, type, space, H5P_DEFAULT, how, H5P_DEFAULT);
    void *values = dataset >= 0 && !(layout & 32) ? recipe_values(r, type, space) : NULL;
    if (values != NULL)
        H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    free(values);
    H5Dclose(dataset);
    H5Pclose(how);
    H5Sclose(space);
    H5Tclose(type);
}

void recipe_make_attribute(recipe *r, hid_t at, const char *name, const char *const *texts, size_t n_texts)
{
    if (recipe_byte(r) % 2 == 0) {
        const char *text = texts[recipe_byte(r) % n_texts];
        hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
        H5Tset_size(type, strlen(text) + 1);
        hid_t attribute = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
        if (attribute >= 0)
            H5Awrite(attribute, type, text);
        H5Aclose(attribute);
        H5Sclose(space);
        H5Tclose(type);
        return;
    }
    hsize_t sizes[4] = {0};
    int rank;
    hid_t type = recipe_type(r, DEPTH), space = recipe_space(r, sizes, &rank);
    const hssize_t n = H5Sget_simple_extent_npoints(space);
    const size_t size = H5Tget_size(type);
    if (size > 0 && n >= 0 && (size_t)n <= STORED_MAX / size) {
        hid_t attribute = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
        void *values = attribute >= 0 ? recipe_values(r, type, space) : NULL;
        if (values != NULL)
            H5Awrite(attribute, type, values);
        free(values);
        H5Aclose(attribute);
    }
    H5Sclose(space);
    H5Tclose(type);
}

/* ---- files in memory ---- */

hid_t recipe_open(const uint8_t *bytes, size_t size, bool newer)
{
    static hid_t access[2];
    if (access[newer] == 0) {
        access[newer] = H5Pcreate(H5P_FILE_ACCESS);
        H5Pset_fapl_core(access[newer], 1 << 14, false);
        if (newer)
            H5Pset_libver_bounds(access[newer], H5F_LIBVER_V18, H5F_LIBVER_V18);
    }
    H5Pset_file_image(access[newer], size > 0 ? (void *)bytes : NULL, size); /* copied, and copied again by H5Fopen */
    hid_t file = size > 0 ? H5Fopen("recipe", H5F_ACC_RDWR, access[newer])
                          : H5Fcreate("recipe", H5F_ACC_TRUNC, H5P_DEFAULT, access[newer]);
    assert(file >= 0);
    return file;
}

/* H5Fget_file_image gives the size. Its image has no user block, and in newer formats a checksum that does not fit. */
size_t recipe_close(hid_t file, size_t user_block, uint8_t *bytes, size_t most)
{
    uint8_t **memory = NULL;
    ssize_t size = -1;
    if (H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0 && H5Fget_vfd_handle(file, H5P_DEFAULT, (void **)&memory) >= 0)
        size = H5Fget_file_image(file, NULL, 0);
    const size_t whole = size > 0 && user_block + (size_t)size <= most ? user_block + (size_t)size : 0;
    memcpy(bytes, whole > 0 ? *memory : bytes, whole);
    H5Fclose(file);
    return whole;
}

static char place[64];

static void remove_place(void)
{
    unlink(place);
}

const char *recipe_put(const uint8_t *bytes, size_t size)
{
    static int file = -1;
    if (file < 0) {
        const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
        snprintf(place, sizeof place, "%s/flowctl-fuzz-%ld.h5", folder, (long)getpid());
        file = open(place, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        atexit(remove_place);
    }
    if (file < 0 || pwrite(file, bytes, size, 0) != (ssize_t)size || ftruncate(file, (off_t)size) != 0)
        abort();
    return place;
}

void recipe_end(void)
{
    /* named types are looked for among hundreds that the library has: a seventh of the time of an input */
    enum { SELDOM = 64 };
    static unsigned inputs;
    const unsigned kinds = inputs++ % SELDOM == 0 ? H5F_OBJ_ALL : H5F_OBJ_ALL & ~H5F_OBJ_DATATYPE;
    if (H5Fget_obj_count((hid_t)H5F_OBJ_ALL, kinds) == 0)
        return;
    fprintf(stderr, "objects of a file are still open\n");
    abort();
}

void recipe_start(void)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5set_free_list_limits(1 << 24, 1 << 23, 1 << 24, 1 << 23, 1 << 24, 1 << 23);
}
