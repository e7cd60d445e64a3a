/* Atomic replacement of a file: the new contents appear as a whole, or the old file stays.
 *
 *     flow_replacement r;
 *     status = flow_replace_open(&r, file, NULL, err);
 *     status = flow_replace_write(&r, bytes, n, err);      any number of times
 *     status = flow_replace_commit(&r, err);
 *     flow_replace_close(&r);                              in any case
 *
 * The contract:
 * - The bytes go to a temporary file in the same folder, named `.NAME.PID-N.tmp`: hidden, so that a crash leaves
 *   nothing that looks like a result. The commit writes it to the disk (fsync), renames it over `file` and writes the
 *   folder to the disk. A crash at any instant leaves the old file or the new one; a failure removes the temporary
 *   file.
 * - A program that is killed leaves its temporary file. flow_replace_clean removes those of a file; its caller has the
 *   lock of the file (core/lock.h), so that no program is writing them.
 * - The new file carries a mark, an extended attribute where the file system has them, with its size and the time of
 *   its last change: flow_replace_protect tells from it what this program wrote from what it must not replace unasked.
 * - An old file passes on its permissions (mode & 07777). A new file has those of the umask. The owner is the writer.
 * - A symbolic link is followed: the link stays, and the file that it leads to is replaced. A link that leads nowhere
 *   is replaced itself.
 * - A device or a FIFO is written to directly; "-" is standard output, and so are /dev/stdout and /dev/fd/N, whatever
 *   they lead to. Nothing can be undone there. `regular` refuses
 *   them: it names what needs a regular file ("an HDF5 file") and is NULL where anything will do.
 * - A folder that cannot be opened for reading, or a file system that cannot sync folders, is accepted: then the rename
 *   is as durable as that file system makes it. Any other failure to sync the folder is FLOW_IO, although the new file
 *   is in place: it may not survive a power failure.
 * - A failed write to a closed pipe is FLOW_IO (EPIPE); SIGPIPE is not raised.
 *
 * All errors are FLOW_IO (or FLOW_MEMORY) and name the file, the reason of the system, what to do, and that the old
 * file is intact if there is one.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_REPLACE_H
#define FLOW_CORE_REPLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/error.h"

/* Owned. Start from {0} or flow_replace_open; end with flow_replace_close. */
typedef struct flow_replacement {
    char *name;      /* as given, for messages */
    char *target;    /* the file that is replaced or written to; NULL for standard output */
    char *temporary; /* the file that is written; NULL when the target is written to directly, and after the commit */
    int descriptor;
    bool is_open;
    bool replaces; /* there is an old file */
    mode_t mode;   /* of the old file */
} flow_replacement;

/* FLOW_EXISTS when `file` is a regular file that is not empty and that was not put in place by this program, or was
 * changed afterwards, or where the file system does not tell. */
flow_status flow_replace_protect(const char *file, flow_error *err);

/* Removes temporary files of `file` that killed programs have left. */
void flow_replace_clean(const char *file);

/* The same for all files of a folder whose names are the caller's. */
void flow_replace_clean_folder(const char *folder, bool (*is_ours)(const char *name));

/* *out needs flow_replace_close after an error too. */
flow_status flow_replace_open(flow_replacement *out, const char *file, const char *regular, flow_error *err);

/* Writes all n bytes. */
flow_status flow_replace_write(flow_replacement *r, const void *bytes, size_t n, flow_error *err);

/* Puts the new file in place. Nothing can be written afterwards. */
flow_status flow_replace_commit(flow_replacement *r, flow_error *err);

/* Without a commit the temporary file is removed. */
void flow_replace_close(flow_replacement *r);

/* All of it for contents that are in memory. */
flow_status flow_replace_file(const char *file, const char *regular, const void *bytes, size_t n, flow_error *err);

#endif
