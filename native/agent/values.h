/* Values of options. Pure; false when the text is not such a value. */
#ifndef ALCOVE_VALUES_H
#define ALCOVE_VALUES_H

#include "exchange.h"
#include "redirect.h"

/* Digits only. strtol would take " +1" and, unasked, read errno and the locale. */
bool values_number(const char *text, int64_t max, int64_t *number);

bool values_port(const char *text, uint16_t *port);

/* OUT:IN, two different ports. */
bool values_port_pair(const char *text, uint16_t *outbound, uint16_t *inbound);

/* URLPATH=FILE. The file's name has no slash and no dot at its start: those are ours. Points into the text. */
bool values_fetch(const char *text, struct exchange_fetch *fetch);

/* A name that can be part of a file's: 1 to 253 letters, digits, "-", "_" and "."; no dot at its start. */
bool values_name(const char *text);

#endif
