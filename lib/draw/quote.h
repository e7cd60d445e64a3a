/* Texts of files and users as strings of gnuplot. */
/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef FLOW_DRAW_QUOTE_H
#define FLOW_DRAW_QUOTE_H

#include "core/text.h"

/* Bytes of the UTF-8 character that begins here; 0: it is none. */
int flow_character_size(const char *at);
/* Whether the character of n bytes is a control character: of ASCII, of Latin 1, or one that changes the direction of
 * what follows. */
bool flow_character_is_control(const char *at, int n);

/* Adds a text of at most `most` characters (0: any number) as a string of gnuplot, in single quotes; what is longer
 * loses its middle. Control characters and what is no UTF-8 are drawn as "?". NULL is "". */
void flow_quote_add(flow_text *out, const char *text, int most);

#endif
