/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/text.h"

/* Whether the path still leads to the file that is open: its last owner may have removed it meanwhile. */
static bool lock_is_in_place(int descriptor, const char *path)
{
    struct stat open_one, named;
    return fstat(descriptor, &open_one) == 0 && stat(path, &named) == 0 && open_one.st_dev == named.st_dev &&
           open_one.st_ino == named.st_ino;
}

static char *lock_path(const char *file)
{
    char *target = realpath(file, NULL);
    const char *name = target != NULL ? target : file, *slash = strrchr(name, '/');
    char *dir = flow_path_dir(name);
    char *path = dir != NULL ? flow_format("%s/.%.200s.lock", dir, slash != NULL ? slash + 1 : name) : NULL;
    free(dir);
    free(target);
    return path;
}

flow_status flow_lock_try(flow_lock *out, flow_lock_state *state, const char *file, flow_error *err)
{
    *out = (flow_lock){.path = lock_path(file)};
    if (out->path == NULL)
        return flow_error_memory(err, "a lock");
    do {
        out->descriptor = open(out->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        int locked = out->descriptor < 0 ? -1 : flock(out->descriptor, LOCK_EX | LOCK_NB);
        while (out->descriptor >= 0 && locked < 0 && errno == EINTR)
            locked = flock(out->descriptor, LOCK_EX | LOCK_NB);
        const int code = errno;
        *state = locked == 0 ? FLOW_LOCK_TAKEN : code == EWOULDBLOCK ? FLOW_LOCK_BUSY : FLOW_LOCK_NONE;
        if (*state == FLOW_LOCK_TAKEN && lock_is_in_place(out->descriptor, out->path))
            return FLOW_OK;
        if (*state == FLOW_LOCK_NONE && out->descriptor >= 0)
            unlink(out->path);
        if (out->descriptor >= 0)
            close(out->descriptor);
        out->code = code;
    } while (*state == FLOW_LOCK_TAKEN);
    free(out->path);
    out->path = NULL;
    return FLOW_OK;
}

void flow_lock_release(flow_lock *lock)
{
    if (lock->path != NULL) {
        unlink(lock->path); /* while it is locked: who waits for it sees that it is gone */
        close(lock->descriptor);
    }
    free(lock->path);
    *lock = (flow_lock){0};
}
