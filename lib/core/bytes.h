/* Bytes that are no UTF-8, as the names of files may have, in texts that have to be.
 *
 * Such a byte XX stands as \udcXX: in JSON the escape of half a surrogate pair, which no character has. Python reads
 * and writes the same ("surrogateescape"): os.fsencode gives the bytes of the name.
 */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_CORE_BYTES_H
#define FLOW_CORE_BYTES_H

#include <stddef.h>

/* A copy in UTF-8, the caller's (free); NULL when memory is out, and for NULL. */
char *flow_bytes_escape(const char *text);

/* The bytes again, in their place; returns the length, and ends the text with a 0 where it became shorter. Other
 * escapes of JSON, pairs of surrogates too, stay. */
size_t flow_bytes_unescape(char *text, size_t length);

/* Puts a question mark in place of each control character but line ends and tabs: names in files may have sequences
 * that a terminal obeys. */
void flow_bytes_hide_controls(char *text);

#endif
