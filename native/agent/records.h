/*
 * What outlives a process, in the directory that the containers of a pod share. A file is a sequence of texts,
 * each ended by NUL; a list is its count, then its texts. Whatever is in a file, reading stays within it.
 */
#ifndef ALCOVE_RECORDS_H
#define ALCOVE_RECORDS_H

#include "bytes.h"

enum { RECORDS_BYTES = 1 << 21 };

struct record {
    struct bytes bytes;
    size_t at;   /* what has been read of it */
    bool broken; /* something is missing, or memory was */
};

void record_add_text(struct record *record, const char *text);
void record_add_texts(struct record *record, char *const *texts);

/* Points into the record; "" when it is missing. */
const char *record_text(struct record *record);

/* A block to be freed, that ends with a null pointer and points into the record; null when it is missing. */
char **record_texts(struct record *record);

/* False, with errno, when the file stays as it was. */
bool record_write(const struct record *record, const char *directory, const char *name);

/* False, with errno, when there is none or it is too large. */
bool record_read(struct record *record, const char *directory, const char *name);

bool record_remove(const char *directory, const char *name);

void record_free(struct record *record);

#endif
