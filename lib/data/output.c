/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"

static flow_status cannot(const flow_output *output, flow_error *err, const char *what)
{
    int code = errno;
    const char *remedy = code == ENOSPC || code == EDQUOT ? "; make room, or write to another disk"
                         : code == EACCES || code == EROFS ? "; write to a folder where you may"
                         : code == ENOENT                  ? "; make its folder first"
                         : code == EPIPE                   ? "; the program that read it has ended"
                                                           : "";
    return flow_error_set(err, FLOW_IO, "%s: cannot be %s: %s%s", output->name, what, strerror(code), remedy);
}

/* A new file next to the target. Made with open and not with mkstemp, so that its mode follows the umask. */
static flow_status open_temporary(flow_output *out, const struct stat *old, flow_error *err)
{
    char *dir = flow_path_dir(out->target);
    const char *slash = strrchr(out->target, '/');
    const char *base = slash != NULL ? slash + 1 : out->target;
    flow_status status = dir != NULL ? FLOW_OK : flow_error_memory(err, "a file name");
    for (int attempt = 0; status == FLOW_OK && !out->is_open; attempt++) {
        free(out->temporary);
        out->temporary = flow_format("%s/.%.200s.%ld-%d.tmp", dir, base, (long)getpid(), attempt);
        if (out->temporary == NULL) {
            status = flow_error_memory(err, "a file name");
            break;
        }
        out->descriptor = open(out->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        out->is_open = out->descriptor >= 0;
        if (!out->is_open && (errno != EEXIST || attempt == 1000)) {
            status = cannot(out, err, "written");
            free(out->temporary);
            out->temporary = NULL;
        }
    }
    /* The new file may be read by whoever may read the old one. Not being able to arrange that is no failure. */
    if (status == FLOW_OK && old != NULL && fchmod(out->descriptor, old->st_mode & 0777) != 0)
        errno = 0;
    free(dir);
    return status;
}

flow_status flow_output_open(flow_output *out, const char *file, bool needs_file, flow_error *err)
{
    *out = (flow_output){0};
    bool standard = strcmp(file, "-") == 0;
    out->name = flow_strdup(standard ? "standard output" : file);
    if (out->name == NULL)
        return flow_error_memory(err, "a file name");
    if (standard) {
        if (fflush(stdout) != 0) /* what others have printed comes first */
            return cannot(out, err, "written");
        out->descriptor = STDOUT_FILENO;
        out->is_open = true;
        return FLOW_OK;
    }
    struct stat old;
    bool replaces = stat(file, &old) == 0;
    out->target = replaces ? realpath(file, NULL) : flow_strdup(file);
    if (out->target == NULL)
        return replaces ? cannot(out, err, "written") : flow_error_memory(err, "a file name");
    if (replaces && S_ISDIR(old.st_mode))
        return flow_error_set(err, FLOW_IO, "%s: is a folder; name a file in it", file);
    if (!replaces || S_ISREG(old.st_mode))
        return open_temporary(out, replaces ? &old : NULL, err);
    if (needs_file)
        return flow_error_set(err, FLOW_IO, "%s: is no regular file, and HDF5 needs one; write CSV there", file);
    out->descriptor = open(file, O_WRONLY | O_CLOEXEC);
    if (out->descriptor < 0)
        return cannot(out, err, "written");
    out->is_open = true;
    return FLOW_OK;
}

/* write(2) without the signal that ends a program whose reader is gone. A SIGPIPE that waited already stays. */
static ssize_t write_quietly(int descriptor, const char *bytes, size_t n)
{
    sigset_t pipe_signal, old, waiting;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigemptyset(&waiting);
    sigpending(&waiting);
    bool waited = sigismember(&waiting, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &old);
    ssize_t written = write(descriptor, bytes, n);
    int code = errno;
    if (written < 0 && code == EPIPE && !waited) {
        int taken;
        sigemptyset(&waiting);
        sigpending(&waiting);
        if (sigismember(&waiting, SIGPIPE) == 1)
            sigwait(&pipe_signal, &taken);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = code;
    return written;
}

flow_status flow_output_write(flow_output *output, const void *bytes, size_t n, flow_error *err)
{
    const char *at = bytes;
    while (n > 0) {
        ssize_t written = write_quietly(output->descriptor, at, n);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return cannot(output, err, "written");
        at += written;
        n -= (size_t)written;
    }
    return FLOW_OK;
}

/* After the rename the folder must reach the disk too. Not every file system can do that, so failing is no error. */
static void sync_folder(const char *file)
{
    char *dir = flow_path_dir(file);
    int descriptor = dir != NULL ? open(dir, O_RDONLY | O_CLOEXEC) : -1;
    if (descriptor >= 0) {
        fsync(descriptor);
        close(descriptor);
    }
    free(dir);
}

flow_status flow_output_commit(flow_output *output, flow_error *err)
{
    /* Some file systems report a failed write only at the end: by fsync, or by close, for which standard output, which
     * is not ours to close, gets a second descriptor. */
    bool standard = output->target == NULL;
    if (fsync(output->descriptor) != 0 && (output->temporary != NULL || errno == EIO || errno == ENOSPC))
        return cannot(output, err, "written");
    int last = standard ? dup(output->descriptor) : output->descriptor;
    output->is_open = false;
    if (last >= 0 && close(last) != 0 && errno != EINTR)
        return cannot(output, err, "written");
    if (output->temporary == NULL)
        return FLOW_OK;
    if (rename(output->temporary, output->target) != 0)
        return cannot(output, err, "put in place");
    sync_folder(output->target);
    free(output->temporary);
    output->temporary = NULL;
    return FLOW_OK;
}

void flow_output_abandon(flow_output *output)
{
    if (output->is_open && output->target != NULL)
        close(output->descriptor);
    if (output->temporary != NULL)
        unlink(output->temporary);
    free(output->temporary);
    free(output->target);
    free(output->name);
    *output = (flow_output){0};
}
