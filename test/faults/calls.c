/* Calls of the system that fail on demand, for a program that this library is preloaded into (LD_PRELOAD): see
 * scripts/faults.sh. Only calls on files in one folder are counted and fail, so that those of the loader and of other
 * libraries stay as they are. The environment says which:
 *
 *     FAULT_FOLDER=/folder   the files; a relative path counts as one of them
 *     FAULT_KIND=eio         every call can fail with it
 *                enospc      those that need room on the disk
 *                eintr       those that a signal can interrupt
 *                short       reads and writes do half of what they should
 *                kill        SIGKILL instead of the call
 *     FAULT_AT=7             the seventh call of that kind; 0: none
 *     FAULT_ON=yes           and all later ones
 *     FAULT_LOG=file         a line for each call that failed: its name and the path; with FAULT_AT=0 for each call
 *
 * A close that fails has closed the descriptor, as on Linux.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ROOM = 1, SIGNALS = 2, PARTS = 4 }; /* what else than EIO and a kill a call can meet */
enum { GO_ON = 0, HALF = -1 };             /* or an errno */

static atomic_int n_calls;

static void write_line(const char *name, const char *path)
{
    const char *log = getenv("FAULT_LOG");
    char line[1100];
    int n = snprintf(line, sizeof line, "%s %s\n", name, path);
    long fd = log != NULL ? syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644) : -1;
    if (fd < 0)
        return;
    syscall(SYS_write, fd, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);
    syscall(SYS_close, fd);
}

static int fate_of_path(const char *name, const char *path, int meets)
{
    const char *folder = getenv("FAULT_FOLDER"), *kind = getenv("FAULT_KIND"), *at = getenv("FAULT_AT");
    if (folder == NULL || kind == NULL || at == NULL || path == NULL)
        return GO_ON;
    if (path[0] == '/' && strncmp(path, folder, strlen(folder)) != 0)
        return GO_ON;
    int fate = strcmp(kind, "eio") == 0 || strcmp(kind, "kill") == 0 ? EIO
               : strcmp(kind, "enospc") == 0 && (meets & ROOM)       ? ENOSPC
               : strcmp(kind, "eintr") == 0 && (meets & SIGNALS)     ? EINTR
               : strcmp(kind, "short") == 0 && (meets & PARTS)       ? HALF
                                                                     : GO_ON;
    if (fate == GO_ON)
        return GO_ON;
    int number = atomic_fetch_add(&n_calls, 1) + 1, wanted = atoi(at);
    bool fails = wanted > 0 && (number == wanted || (number > wanted && getenv("FAULT_ON") != NULL));
    if (fails || wanted == 0)
        write_line(name, path);
    if (fails && strcmp(kind, "kill") == 0)
        raise(SIGKILL);
    return fails ? fate : GO_ON;
}

static int fate_of(const char *name, int descriptor, int meets)
{
    char link[64], path[1024];
    int saved = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t n = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (n < 0)
        return GO_ON;
    path[n] = '\0';
    return path[0] == '/' ? fate_of_path(name, path, meets) : GO_ON; /* not a pipe */
}

/* The function of the C library behind the one here. */
static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

#define NEXT(type, name) ((type)(uintptr_t)next(name))

/* A function of one descriptor: what it returns when it fails is -1. */
#define BY_DESCRIPTOR(name, meets, parameters, arguments)                \
    int name parameters                                                  \
    {                                                                    \
        int fate = fate_of(#name, fd, meets);                            \
        if (fate != GO_ON)                                               \
            return errno = fate, -1;                                     \
        return NEXT(int(*) parameters, #name)arguments;                  \
    }

#define BY_PATH(name, meets, parameters, arguments)                      \
    int name parameters                                                  \
    {                                                                    \
        int fate = fate_of_path(#name, path, meets);                     \
        if (fate != GO_ON)                                               \
            return errno = fate, -1;                                     \
        return NEXT(int(*) parameters, #name)arguments;                  \
    }

/* A transfer of n bytes. */
#define TRANSFER(name, meets, parameters, arguments)                     \
    ssize_t name parameters                                              \
    {                                                                    \
        int fate = n > 0 ? fate_of(#name, fd, meets) : GO_ON;            \
        if (fate > 0)                                                    \
            return errno = fate, -1;                                     \
        if (fate == HALF && n > 1)                                       \
            n /= 2;                                                      \
        return NEXT(ssize_t(*) parameters, #name)arguments;              \
    }

TRANSFER(read, SIGNALS | PARTS, (int fd, void *bytes, size_t n), (fd, bytes, n))
TRANSFER(pread, SIGNALS | PARTS, (int fd, void *bytes, size_t n, off_t at), (fd, bytes, n, at))
TRANSFER(write, ROOM | SIGNALS | PARTS, (int fd, const void *bytes, size_t n), (fd, bytes, n))
TRANSFER(pwrite, ROOM | SIGNALS | PARTS, (int fd, const void *bytes, size_t n, off_t at), (fd, bytes, n, at))

BY_DESCRIPTOR(fsync, ROOM | SIGNALS, (int fd), (fd))
BY_DESCRIPTOR(ftruncate, ROOM | SIGNALS, (int fd, off_t size), (fd, size))
BY_DESCRIPTOR(fchmod, 0, (int fd, mode_t mode), (fd, mode))
BY_DESCRIPTOR(fstat, 0, (int fd, struct stat *about), (fd, about))
BY_DESCRIPTOR(fsetxattr, ROOM, (int fd, const char *name, const void *value, size_t size, int flags),
              (fd, name, value, size, flags))
BY_DESCRIPTOR(flock, SIGNALS, (int fd, int operation), (fd, operation))
BY_PATH(stat, 0, (const char *path, struct stat *about), (path, about))
BY_PATH(lstat, 0, (const char *path, struct stat *about), (path, about))
BY_PATH(access, 0, (const char *path, int mode), (path, mode))
BY_PATH(rename, ROOM, (const char *path, const char *to), (path, to))
BY_PATH(unlink, 0, (const char *path), (path))
BY_PATH(unlinkat, 0, (int folder, const char *path, int flags), (folder, path, flags))
BY_PATH(mkdir, ROOM, (const char *path, mode_t mode), (path, mode))

int close(int fd)
{
    int fate = fate_of("close", fd, ROOM | SIGNALS), result = NEXT(int (*)(int), "close")(fd);
    return fate == GO_ON ? result : (errno = fate, -1);
}

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    int fate = fate_of_path("open", path, SIGNALS | (flags & O_CREAT ? ROOM : 0));
    return fate == GO_ON ? NEXT(int (*)(const char *, int, ...), "open")(path, flags, mode) : (errno = fate, -1);
}

off_t lseek(int fd, off_t offset, int from)
{
    int fate = fate_of("lseek", fd, 0);
    return fate == GO_ON ? NEXT(off_t(*)(int, off_t, int), "lseek")(fd, offset, from) : (errno = fate, (off_t)-1);
}

void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
    int fate = fd >= 0 ? fate_of("mmap", fd, 0) : GO_ON;
    return fate == GO_ON
               ? NEXT(void *(*)(void *, size_t, int, int, int, off_t), "mmap")(at, size, protection, flags, fd, offset)
               : (errno = fate, MAP_FAILED);
}

FILE *fopen(const char *path, const char *mode)
{
    int fate = fate_of_path("fopen", path, SIGNALS);
    return fate == GO_ON ? NEXT(FILE * (*)(const char *, const char *), "fopen")(path, mode) : (errno = fate, NULL);
}

size_t fread(void *bytes, size_t size, size_t n, FILE *file)
{
    int fate = fate_of("fread", fileno(file), 0);
    if (fate == GO_ON)
        return NEXT(size_t(*)(void *, size_t, size_t, FILE *), "fread")(bytes, size, n, file);
    file->_flags |= 0x20; /* _IO_ERR_SEEN of glibc: what ferror looks at */
    errno = fate;
    return 0;
}

DIR *opendir(const char *path)
{
    int fate = fate_of_path("opendir", path, 0);
    return fate == GO_ON ? NEXT(DIR * (*)(const char *), "opendir")(path) : (errno = fate, NULL);
}
