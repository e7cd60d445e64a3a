/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"

enum { MOST_ATTEMPTS = 1000, MODE_BITS = 07777 };

/* The error of the last system call. */
static flow_status replace_fail(const flow_replacement *r, const char *what, flow_error *err)
{
    int code = errno;
    const char *remedy = code == ENOSPC || code == EDQUOT  ? "; make room, or write to another disk"
                         : code == EACCES || code == EROFS ? "; write to a folder where you may"
                         : code == ENOENT                  ? "; make its folder first"
                         : code == EPIPE                   ? "; the program that read it has ended"
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
        r->temporary = flow_format("%s/.%.200s.%ld-%d.tmp", dir, base, (long)getpid(), attempt);
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
    bool exists = !standard && stat(file, &old) == 0;
    if (exists && S_ISDIR(old.st_mode))
        return flow_error_set(err, FLOW_IO, "%s: is a folder; name a file in it", file);
    if (regular != NULL && (standard || (exists && !S_ISREG(old.st_mode))))
        return flow_error_set(err, FLOW_IO, "%s: is a device or pipe, and %s has to be a regular file", out->name,
                              regular);
    out->target = exists ? realpath(file, NULL) : flow_strdup(file);
    if (out->target == NULL)
        return exists ? replace_fail(out, "written", err) : flow_error_memory(err, "a file name");
    if (!exists || S_ISREG(old.st_mode)) {
        out->replaces = exists;
        out->mode = old.st_mode & MODE_BITS;
        return replace_make_temporary(out, err);
    }
    out->descriptor = open(file, O_WRONLY | O_CLOEXEC);
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

/* Errors that say that folders cannot be synced there: EBADF and EINVAL as in PostgreSQL's fsync_fname. */
static bool replace_sync_folder(const char *file)
{
    char *dir = flow_path_dir(file);
    int descriptor = dir != NULL ? open(dir, O_RDONLY | O_CLOEXEC) : -1;
    free(dir);
    if (descriptor < 0)
        return true;
    bool good = fsync(descriptor) == 0 || errno == EBADF || errno == EINVAL || errno == ENOTSUP || errno == EROFS;
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
    if (fsync(r->descriptor) != 0 && (r->temporary != NULL || errno == EIO || errno == ENOSPC))
        return replace_fail(r, "written", err);
    int last = r->target == NULL ? dup(r->descriptor) : r->descriptor;
    r->is_open = false;
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
