/* A look at a file that will be opened again. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_PEEK_H
#define FLOW_CORE_PEEK_H

/* A descriptor of a regular file or a folder, for reading. -1 with errno otherwise: ENXIO for pipes, devices and
 * sockets, which are not opened. If a named pipe is opened and closed, its writer fails, and the next reader waits for
 * another writer. */
int flow_peek_open(const char *path);

#endif
