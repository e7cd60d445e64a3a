/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/replace.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "core/text.h"

/* MOST_NAME: bytes of the name that a temporary file has in its own */
enum { MOST_ATTEMPTS = 1000, MODE_BITS = 07777, MARK_SIZE = 64, MOST_NAME = 200 };

/* ---- the mark of what this program wrote ---- */

static const char mark_name[] = "user.flowctl.written";

static void mark_print(char out[MARK_SIZE], const struct stat *info)
{
#ifdef __APPLE__
    const struct timespec changed = info->st_mtimespec;
#else
    const struct timespec changed = info->st_mtim;
#endif
    memset(out, 0, MARK_SIZE);
    snprintf(out, MARK_SIZE, "%lld bytes, %lld.%09ld", (long long)info->st_size, (long long)changed.tv_sec,
             changed.tv_nsec);
}

/* Where there are no attributes, the file has no mark. */
static void mark_set(int descriptor)
{
    struct stat info;
    char mark[MARK_SIZE];
    if (fstat(descriptor, &info) != 0)
        return;
    mark_print(mark, &info);
#ifdef __APPLE__
    (void)fsetxattr(descriptor, mark_name, mark, MARK_SIZE, 0, 0);
#else
    (void)fsetxattr(descriptor, mark_name, mark, MARK_SIZE, 0);
#endif
}

static bool mark_is_there(const char *file, const struct stat *info)
{
    char mark[MARK_SIZE], expected[MARK_SIZE];
#ifdef __APPLE__
    const ssize_t n = getxattr(file, mark_name, mark, MARK_SIZE, 0, 0);
#else
    const ssize_t n = getxattr(file, mark_name, mark, MARK_SIZE);
#endif
    mark_print(expected, info);
    return n == MARK_SIZE && memcmp(mark, expected, MARK_SIZE) == 0;
}

flow_status flow_replace_protect(const char *file, flow_error *err)
{
    struct stat info;
    if (flow_is_standard(file) || flow_path_descriptor(file) >= 0)
        return FLOW_OK;
    if (stat(file, &info) != 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? FLOW_OK
                   : flow_error_set(err, FLOW_IO, "%s: cannot be looked at: %s", file, strerror(errno));
    if (!S_ISREG(info.st_mode) || info.st_size == 0 || mark_is_there(file, &info))
        return FLOW_OK;
    return flow_error_set(err, FLOW_EXISTS,
                          "%s: this file exists, and nothing says that flowctl wrote it, so it is not "
                          "replaced; --force replaces it, -o names another file",
                          file);
}

/* ---- temporary files ---- */

/* The length of NAME in ".NAME.PID-N.tmp"; 0: the entry has another form. */
static size_t temporary_base(const char *entry)
{
    const char *end = strrchr(entry, '.');
    if (entry[0] != '.' || end == NULL || strcmp(end, ".tmp") != 0)
        return 0;
    const char *attempt = end;
    while (attempt > entry && isdigit((unsigned char)attempt[-1]))
        attempt--;
    const char *pid = attempt - (attempt > entry);
    if (attempt == end || *pid != '-')
        return 0;
    const char *dash = pid;
    while (pid > entry && isdigit((unsigned char)pid[-1]))
        pid--;
    return pid < dash && pid > entry + 2 && pid[-1] == '.' ? (size_t)(pid - entry) - 2 : 0;
}

static void replace_clean(const char *folder, const char *base, bool (*is_ours)(const char *name))
{
    DIR *dir = opendir(folder);
    for (const struct dirent *entry = NULL; dir != NULL && (entry = readdir(dir)) != NULL;) {
        char name[256];
        const size_t n = temporary_base(entry->d_name);
        snprintf(name, sizeof name, "%.*s", (int)n, entry->d_name + 1);
        if (n > 0 && (base != NULL ? strncmp(name, base, MOST_NAME) == 0 : is_ours(name)))
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir != NULL)
        closedir(dir);
}

void flow_replace_clean(const char *file)
{
    char *target = realpath(file, NULL);
    const char *name = target != NULL ? target : file, *slash = strrchr(name, '/');
    char *folder = flow_path_dir(name);
    if (folder != NULL)
        replace_clean(folder, slash != NULL ? slash + 1 : name, NULL);
    free(folder);
    free(target);
}

void flow_replace_clean_folder(const char *folder, bool (*is_ours)(const char *name))
{
    replace_clean(folder, NULL, is_ours);
}

/* ---- replacing ---- */

/* The error of the last system call. */
static flow_status replace_fail(const flow_replacement *r, const char *what, flow_error *err)
{
    int code = errno;
    const char *remedy = code == ENOSPC || code == EDQUOT  ? "; make room, or write to another disk"
                         : code == EACCES || code == EROFS ? "; write to a folder where you may"
                         : code == ENOENT                  ? "; make its folder first"
                         : code == EPIPE                   ? "; the program that read it has ended"
                         : code == EBADF                   ? "; it is closed (>&-): send it to a file, or to /dev/null"
                                                           : "";
    return flow_error_set(err, FLOW_IO, "%s: cannot be %s: %s%s%s", r->name, what, strerror(code), remedy,
                          r->replaces ? " (the old file is intact)" : "");
}

/* Until the commit the temporary file has the permissions of the old file, plus those that its writer needs. It is made
 * with open and not with mkstemp, so that a new file has the permissions of the umask. */
static flow_status replace_make_temporary(flow_replacement *r, flow_error *err)
{
    char *dir = flow_path_dir(r->target);
    const char *slash = strrchr(r->target, '/');
    const char *base = slash != NULL ? slash + 1 : r->target;
    mode_t mode = r->replaces ? (r->mode & 0777) | S_IRUSR | S_IWUSR : 0666;
    flow_status status = dir != NULL ? FLOW_OK : flow_error_memory(err, "a file name");
    for (int attempt = 0; status == FLOW_OK && !r->is_open; attempt++) {
        free(r->temporary);
        r->temporary = flow_format("%s/.%.*s.%ld-%d.tmp", dir, MOST_NAME, base, (long)getpid(), attempt);
        if (r->temporary == NULL) {
            status = flow_error_memory(err, "a file name");
            break;
        }
        r->descriptor = open(r->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        r->is_open = r->descriptor >= 0;
        if (!r->is_open && ((errno != EEXIST && errno != EINTR) || attempt == MOST_ATTEMPTS)) {
            status = replace_fail(r, "written", err);
            free(r->temporary);
            r->temporary = NULL;
        }
    }
    free(dir);
    return status;
}

flow_status flow_replace_open(flow_replacement *out, const char *file, const char *regular, flow_error *err)
{
    *out = (flow_replacement){0};
    bool standard = flow_is_standard(file);
    out->name = flow_strdup(standard ? "standard output" : file);
    if (out->name == NULL)
        return flow_error_memory(err, "a file name");
    if (standard && regular == NULL) {
        if (fflush(stdout) != 0) /* earlier output comes first */
            return replace_fail(out, "written", err);
        out->descriptor = STDOUT_FILENO;
        out->is_open = true;
        return FLOW_OK;
    }
    struct stat old = {0};
    const int given = standard ? -1 : flow_path_descriptor(file);
    bool exists = !standard && stat(file, &old) == 0;
    if (!exists && !standard && errno != ENOENT && errno != ENOTDIR) /* there may be one: its mode, where it leads to */
        return replace_fail(out, "written", err);
    if (exists && S_ISDIR(old.st_mode))
        return flow_error_set(err, FLOW_IO, "%s: is a folder; name a file in it", file);
    if (regular != NULL && (standard || given >= 0 || (exists && !S_ISREG(old.st_mode))))
        return flow_error_set(err, FLOW_IO, "%s: is a device or pipe, and %s has to be a regular file", out->name,
                              regular);
    const bool direct = given >= 0 || (exists && !S_ISREG(old.st_mode)); /* what is behind /dev/fd/N has no path */
    out->target = exists && !direct ? realpath(file, NULL) : flow_strdup(file);
    if (out->target == NULL)
        return exists ? replace_fail(out, "written", err) : flow_error_memory(err, "a file name");
    if (!direct) {
        out->replaces = exists;
        out->mode = old.st_mode & MODE_BITS;
        return replace_make_temporary(out, err);
    }
    if (given == STDOUT_FILENO && fflush(stdout) != 0)
        return replace_fail(out, "written", err);
    out->descriptor = given >= 0 ? fcntl(given, F_DUPFD_CLOEXEC, 0) : open(file, O_WRONLY | O_CLOEXEC);
    if (out->descriptor < 0)
        return replace_fail(out, "written", err);
    out->is_open = true;
    return FLOW_OK;
}

/* write(2) without the signal that ends a program when the reader of a pipe is gone. A SIGPIPE that was pending before
 * stays pending. */
static ssize_t replace_write_quietly(int descriptor, const char *bytes, size_t n)
{
    sigset_t pipe_signal, old, pending;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigemptyset(&pending);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &old);
    ssize_t written = write(descriptor, bytes, n);
    int code = errno;
    if (written < 0 && code == EPIPE && !was_pending) {
        int taken;
        sigemptyset(&pending);
        sigpending(&pending);
        if (sigismember(&pending, SIGPIPE) == 1)
            sigwait(&pipe_signal, &taken);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = code;
    return written;
}

flow_status flow_replace_write(flow_replacement *r, const void *bytes, size_t n, flow_error *err)
{
    const char *at = bytes;
    while (n > 0) {
        ssize_t written = replace_write_quietly(r->descriptor, at, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return replace_fail(r, "written", err);
        at += written;
        n -= (size_t)written;
    }
    return FLOW_OK;
}

static int replace_sync(int descriptor)
{
    int result;
    do
        result = fsync(descriptor);
    while (result != 0 && errno == EINTR);
    return result;
}

/* Errors that say that folders cannot be synced there: EBADF and EINVAL as in PostgreSQL's fsync_fname. */
static bool replace_sync_folder(const char *file)
{
    char *dir = flow_path_dir(file);
    int descriptor = dir != NULL ? open(dir, O_RDONLY | O_CLOEXEC) : -1;
    free(dir);
    if (descriptor < 0)
        return true;
    bool good =
        replace_sync(descriptor) == 0 || errno == EBADF || errno == EINVAL || errno == ENOTSUP || errno == EROFS;
    int code = errno;
    close(descriptor);
    errno = code;
    return good;
}

/* The temporary file over the old one. */
static flow_status replace_rename(flow_replacement *r, flow_error *err)
{
    if (rename(r->temporary, r->target) != 0)
        return replace_fail(r, "put in place", err);
    free(r->temporary);
    r->temporary = NULL;
    r->replaces = false; /* the old file is gone */
    return replace_sync_folder(r->target) ? FLOW_OK
                                          : replace_fail(r, "brought to the disk (its folder cannot be synced)", err);
}

flow_status flow_replace_commit(flow_replacement *r, flow_error *err)
{
    /* EPERM: the file system has no such permissions. After the last write, because writing clears some of the bits. */
    if (r->replaces && fchmod(r->descriptor, r->mode) != 0 && errno != EPERM && errno != ENOTSUP)
        return replace_fail(r, "given the permissions of the old file", err);
    /* Some file systems report a failed write only at fsync or at close. Standard output is closed by its owner, so
     * that a second descriptor of it is closed here. */
    if (replace_sync(r->descriptor) != 0 && (r->temporary != NULL || errno == EIO || errno == ENOSPC))
        return replace_fail(r, "written", err);
    int last = r->target == NULL ? dup(r->descriptor) : r->descriptor;
    r->is_open = false;
    if (r->temporary != NULL)
        mark_set(r->descriptor);
    if (last >= 0 && close(last) != 0 && errno != EINTR)
        return replace_fail(r, "written", err);
    return r->temporary != NULL ? replace_rename(r, err) : FLOW_OK;
}

void flow_replace_close(flow_replacement *r)
{
    if (r->is_open && r->target != NULL)
        close(r->descriptor);
    if (r->temporary != NULL)
        unlink(r->temporary);
    free(r->temporary);
    free(r->target);
    free(r->name);
    *r = (flow_replacement){0};
}

flow_status flow_replace_file(const char *file, const char *regular, const void *bytes, size_t n, flow_error *err)
{
    flow_replacement r;
    flow_status status = flow_replace_open(&r, file, regular, err);
    if (status == FLOW_OK)
        status = flow_replace_write(&r, bytes, n, err);
    if (status == FLOW_OK)
        status = flow_replace_commit(&r, err);
    flow_replace_close(&r);
    return status;
}
