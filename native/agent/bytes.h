/* Bytes that grow at one end and are taken from the other. */
#ifndef ALCOVE_BYTES_H
#define ALCOVE_BYTES_H

#include <stdbool.h>
#include <stddef.h>

struct bytes {
    unsigned char *content; /* what is there begins at content + start */
    size_t start;
    size_t length;
    size_t capacity;
};

/* Makes room behind what is there and gives it, or null when there is no memory. */
unsigned char *bytes_reserve(struct bytes *bytes, size_t length);

/* False when there is no memory. */
bool bytes_append(struct bytes *bytes, const void *content, size_t length);

/* Takes from the beginning. Memory that much more was needed for once is given back. */
void bytes_take(struct bytes *bytes, size_t length);

void bytes_free(struct bytes *bytes);

static inline unsigned char *bytes_begin(const struct bytes *bytes)
{
    return bytes->content + bytes->start;
}

#endif
