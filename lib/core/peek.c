/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/peek.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

int flow_peek_open(const char *path)
{
    struct stat about;
    int fd;
    if (stat(path, &about) != 0)
        return -1;
    if (!S_ISREG(about.st_mode) && !S_ISDIR(about.st_mode)) {
        errno = ENXIO;
        return -1;
    }
    do
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* it may be another file by now */
    while (fd < 0 && errno == EINTR);
    return fd;
}
