/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "h5/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/peek.h"
#include "h5/object.h"
#include "h5/scope.h"

/* Fewer bytes only at the end of the file; -1 on failure. */
static ssize_t file_read_at(int fd, char *bytes, size_t size, off_t at)
{
    size_t done = 0;
    while (done < size) {
        const ssize_t n = pread(fd, bytes + done, size - done, at + (off_t)done);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n == 0)
            break;
        done += n > 0 ? (size_t)n : 0;
    }
    return (ssize_t)done;
}

/* The signature stands at byte 0, 512, 1024, 2048, ... (HDF5 File Format Specification, "Superblock"). */
flow_status flow_h5_find_signature(bool *found, const char *path, flow_error *err)
{
    static const char signature[8] = {'\211', 'H', 'D', 'F', '\r', '\n', '\032', '\n'};
    char bytes[sizeof signature];
    struct stat about;
    ssize_t n = -1;
    *found = false;
    const int fd = flow_peek_open(path);
    if (fd < 0 && errno == ENXIO)
        return FLOW_OK;
    if (fd >= 0 && fstat(fd, &about) == 0) {
        n = S_ISREG(about.st_mode) ? (ssize_t)sizeof bytes : 0;
        for (off_t at = 0; !*found && n == (ssize_t)sizeof bytes; at = at == 0 ? 512 : 2 * at) {
            n = file_read_at(fd, bytes, sizeof bytes, at);
            *found = n == (ssize_t)sizeof bytes && memcmp(bytes, signature, sizeof bytes) == 0;
        }
    }
    const int code = errno;
    if (fd >= 0)
        close(fd);
    return n >= 0 ? FLOW_OK : flow_error_set(err, FLOW_IO, "cannot be read: %s", strerror(code));
}

bool flow_h5_has_signature(const char *path)
{
    bool found;
    return flow_h5_find_signature(&found, path, NULL) == FLOW_OK && found;
}

/* ---- files on the disk ---- */

/* File locks are on where the file system has them. Files that this program writes are replaced as a whole and need
 * none, but a program that writes a file in place (h5py) holds a lock meanwhile, and half a table must not be read. On
 * a file system without locks, as on some clusters, the library goes on without them. The environment variable
 * HDF5_USE_FILE_LOCKING overrides this. */
static hid_t file_access(void)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
#if H5_VERSION_GE(1, 10, 7)
    if (access >= 0)
        H5Pset_file_locking(access, true, true);
#endif
    return access;
}

static hid_t file_write_access(void)
{
    hid_t access = file_access();
    if (access >= 0)
        H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_LATEST);
    return access;
}

/* What a lock for reading says: 0, or errno. */
static int file_try_lock(const char *path)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const int code = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return code;
}

/* On NFS without its lock service; the library itself goes on only where the system has no locks at all. */
static bool file_go_without_locks(hid_t access, int code)
{
#if H5_VERSION_GE(1, 10, 7)
    return code == ENOLCK && H5Pset_file_locking(access, false, true) >= 0;
#else
    (void)access, (void)code;
    return false;
#endif
}

static flow_status file_open(hid_t *out, const char *path, unsigned flags, hid_t access, flow_error *err)
{
    flow_status status = FLOW_OK;
    *out = H5Fopen(path, flags, access);
    const int code = *out < 0 ? file_try_lock(path) : 0;
    if (file_go_without_locks(access, code))
        *out = H5Fopen(path, flags, access);
    if (*out < 0 && code == EWOULDBLOCK)
        status = flow_error_set(err, FLOW_FORMAT,
                                "is open for writing in another program, which has locked it; close it "
                                "there, or wait until that program ends");
    else if (*out < 0)
        status = flow_h5_error(err, FLOW_FORMAT, "cannot be opened, the file is damaged, incomplete or in use");
    flow_h5_close(access);
    return status;
}

flow_status flow_h5_open(hid_t *out, const char *path, flow_error *err)
{
    return file_open(out, path, H5F_ACC_RDONLY, file_access(), err);
}

flow_status flow_h5_open_to_write(hid_t *out, const char *path, flow_error *err)
{
    return file_open(out, path, H5F_ACC_RDWR, file_write_access(), err);
}

flow_status flow_h5_create(hid_t *out, const char *path, flow_error *err)
{
    flow_status status = FLOW_OK;
    hid_t access = file_write_access(), creation = flow_h5_untimed(H5P_FILE_CREATE);
    *out = H5Fcreate(path, H5F_ACC_TRUNC, creation, access);
    if (*out < 0 && file_go_without_locks(access, file_try_lock(path)))
        *out = H5Fcreate(path, H5F_ACC_TRUNC, creation, access);
    if (*out < 0)
        status = flow_h5_error(err, FLOW_IO, "the file cannot be written");
    flow_h5_close(creation);
    flow_h5_close(access);
    return status;
}

/* ---- files in memory ---- */

/* The "core" driver of the library grows the file by small amounts; it gets memory in larger ones. These callbacks also
 * keep the image when the library closes the file. */
static void *image_grow(void *old, size_t size, H5FD_file_image_op_t op, void *context)
{
    flow_h5_image *image = context;
    (void)old;
    (void)op;
    if (size > image->capacity) {
        size_t capacity = size + size / 2 + 65536;
        char *grown = realloc(image->data, capacity);
        if (grown == NULL)
            return NULL;
        image->data = grown;
        image->capacity = capacity;
    }
    image->size = size;
    return image->data;
}

static void *image_malloc(size_t size, H5FD_file_image_op_t op, void *context)
{
    return image_grow(NULL, size, op, context);
}

static herr_t image_keep(void *data, H5FD_file_image_op_t op, void *context)
{
    (void)data;
    (void)op;
    (void)context;
    return 0;
}

static void *image_context(void *context)
{
    return context;
}

static herr_t image_context_free(void *context)
{
    (void)context;
    return 0;
}

flow_status flow_h5_image_start(flow_h5_image *image, size_t user_block, flow_error *err)
{
    *image = (flow_h5_image){.file = H5I_INVALID_HID, .user_block = user_block};
    H5FD_file_image_callbacks_t callbacks = {.image_malloc = image_malloc,
                                             .image_realloc = image_grow,
                                             .image_free = image_keep,
                                             .udata_copy = image_context,
                                             .udata_free = image_context_free,
                                             .udata = image};
    flow_status status = FLOW_OK;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), creation = flow_h5_untimed(H5P_FILE_CREATE);
    if (access >= 0 && creation >= 0 && H5Pset_fapl_core(access, 1, 0) >= 0 &&
        H5Pset_file_image_callbacks(access, &callbacks) >= 0 &&
        H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0 &&
        H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0 && H5Pset_userblock(creation, user_block) >= 0)
        image->file = H5Fcreate("image", H5F_ACC_TRUNC, creation, access);
    if (image->file < 0)
        status = flow_h5_error(err, FLOW_IO, "the file cannot be put together in memory");
    flow_h5_close(access);
    flow_h5_close(creation);
    return status;
}

flow_status flow_h5_image_finish(flow_h5_image *image, flow_error *err)
{
    /* After a flush the image has its final length; closing changes only a few bytes in it. */
    herr_t flushed = H5Fflush(image->file, H5F_SCOPE_GLOBAL);
    herr_t closed = flushed < 0 ? -1 : H5Fclose(image->file);
    if (closed < 0 || image->size <= image->user_block)
        return flow_h5_error(err, FLOW_IO, "the file cannot be put together in memory");
    image->file = H5I_INVALID_HID;
    return FLOW_OK;
}

void flow_h5_image_release(flow_h5_image *image)
{
    flow_h5_close(image->file);
    free(image->data);
    *image = (flow_h5_image){.file = H5I_INVALID_HID};
}
