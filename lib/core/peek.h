/* A look at a file that will be opened again. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_PEEK_H
#define FLOW_CORE_PEEK_H

/* A descriptor of a regular file or a folder, for reading. -1 with errno otherwise: ENXIO for pipes, devices and
 * sockets, which are not opened. Who opens a named pipe and closes it again makes its writer fail, and then waits for
 * another one for ever. */
int flow_peek_open(const char *path);

#endif
